#!/usr/bin/env bash
# Formats every C++ source with clang-format-19. With --check it changes nothing and fails if a source is not formatted.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
options=(-i)
[ "${1:-}" != --check ] || options=(--dry-run -Werror)
find . \( -path ./build -o -path ./.cache -o -path ./data \) -prune -o -name '*.[hc]pp' -print0 |
    xargs -0 -n 50 -P "$(nproc)" clang-format-19 "${options[@]}"
