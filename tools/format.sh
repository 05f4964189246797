#!/usr/bin/env bash
# Formats every C++ source with clang-format-19. With --check it changes nothing, and fails where one is not formatted.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
how=(-i)
[ "${1:-}" != --check ] || how=(--dry-run -Werror)
find . \( -path ./build -o -path ./.cache -o -path ./data \) -prune -o -name '*.[hc]pp' -print0 |
    xargs -0 -n 50 -P "$(nproc)" clang-format-19 "${how[@]}"
