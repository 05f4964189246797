#!/usr/bin/env bash
# Builds Kustomize, Helm and `objects` (YAML to JSON) from the Go module proxy, in the versions of go.mod and go.sum next to this
# file, and kubectl in the version of kube-apiserver (../go.mod). Copies the definition of HTTPRoute from the module of the Gateway API.
# Arguments: the folder for the programs, the folder for Go's caches. The script needs neither Go nor a network if all of them exist.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
programs=$1
caches=$2
mkdir -p "$programs" "$caches"

gateway=sigs.k8s.io/gateway-api@v1.3.0
gateway_sum=h1:q6okN+/UKDATola4JY7zXzx40WO4VISk7i9DIfOvr9M=

stamp=$(cat go.mod go.sum build.sh objects.go ../go.mod ../go.sum | sha256sum)
if [ "$(cat "$programs/kit.stamp" 2>/dev/null || true)" = "$stamp" ]; then
    exit 0
fi
rm -f "$programs/kit.stamp"

go=$(../../../tools/go.sh)
export GOMODCACHE="$caches/mod" GOCACHE="$caches/build" CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -modcacherw"
for program in kustomize helm objects kubectl; do
    echo "== building $program (about a minute each on 2 cores when nothing is cached)" >&2
    case $program in
        kustomize) package=sigs.k8s.io/kustomize/kustomize/v5 ;;
        helm) package=helm.sh/helm/v3/cmd/helm ;;
        objects) package=. ;;
        kubectl) package=k8s.io/kubernetes/cmd/kubectl ;;
    esac
    if [ "$program" = kubectl ]; then folder=..; else folder=.; fi
    setpriv --pdeathsig TERM "$go" build -C "$folder" -trimpath -gcflags=all=-l -ldflags "-s -w" -o "$programs/$program" "$package"
done

# No program imports the module, so go.sum does not have its checksum.
download=$("$go" mod download -json "$gateway")
grep -qF "\"Sum\": \"$gateway_sum\"" <<<"$download" || { echo "build.sh: the checksum of $gateway differs" >&2; exit 1; }
install -m 644 "$GOMODCACHE/$gateway/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" "$programs/httproutes.yaml"
echo "$stamp" >"$programs/kit.stamp"
