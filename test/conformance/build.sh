#!/usr/bin/env bash
# Builds a real Kubernetes control plane from the Go module proxy: etcd, kube-apiserver, kube-controller-manager, in the versions of
# go.mod and go.sum next to this file. Arguments: the folder for the programs, the folder for Go's caches. The script needs neither Go
# nor a network if the programs are already built.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
programs=$1
caches=$2
mkdir -p "$programs" "$caches"

stamp=$(cat go.mod go.sum build.sh | sha256sum)
if [ "$(cat "$programs/stamp" 2>/dev/null || true)" = "$stamp" ]; then
    exit 0
fi
rm -f "$programs/stamp"

go=$(../../tools/go.sh)

# Go's module cache is read-only on disk; -modcacherw lets people delete it like anything else.
export GOMODCACHE="$caches/mod" GOCACHE="$caches/build" CGO_ENABLED=0 GOFLAGS="-mod=readonly -buildvcs=false -modcacherw"
version=$("$go" list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
# Without inlining, Go compiles in three quarters of the time, and the tests wait for the programs most of the time.
flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=$minor"
    flags+=" -X $package.gitCommit=$version -X $package.gitTreeState=archive -X $package.buildDate=1970-01-01T00:00:00Z"
done
for program in etcd kube-apiserver kube-controller-manager; do
    echo "== building $program ($version; about 6 minutes in all on 2 cores when nothing is cached)" >&2
    case $program in etcd) package=go.etcd.io/etcd/server/v3 ;; *) package=k8s.io/kubernetes/cmd/$program ;; esac
    setpriv --pdeathsig TERM "$go" build -trimpath -gcflags=all=-l -ldflags "$flags" -o "$programs/$program" "$package"
done
echo "$stamp" >"$programs/stamp"
