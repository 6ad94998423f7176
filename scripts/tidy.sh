#!/usr/bin/env bash
# Runs clang-tidy with the checks of .clang-tidy on the C++ sources without tests (some minutes), or on the given files.
# Needs clang-tidy 16 or later: pip install clang-tidy
# usage: scripts/tidy.sh [FILE.cpp ...]
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH

cmake -S . -B build/tidy -G Ninja --log-level=WARNING -DIDSE_DEVELOPER=ON
if [ $# -eq 0 ]; then
    mapfile -t files < <(git ls-files 'cpp/vvc/*.cpp' 'cpp/tools/*.cpp' 'vtm_patch/overlay/*.cpp' 'vtm_patch/fuzz/*.cpp')
    set -- "${files[@]}"
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy -p build/tidy --quiet
