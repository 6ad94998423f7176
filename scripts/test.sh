#!/usr/bin/env bash
# Sets everything up (.venv, build/) and passes every test: C++, also with sanitizers, style, types, Python.
# usage: scripts/test.sh [arguments for pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
prepare dev
PATH=$PWD/.venv/bin:$PATH
step() { printf '== %s (%d s)\n' "$1" "$SECONDS"; }
build() {  # folder, options of CMake
    local folder=$1
    shift
    cmake -S . -B "build/$folder" -G Ninja --log-level=WARNING -DIDSE_DEVELOPER=ON "$@"
    cmake --build "build/$folder"
}

step "C++: build"
build test
step "C++: tests"
ctest --test-dir build/test --output-on-failure
step "C++: build with sanitizers"
build sanitize -DIDSE_SANITIZE=address
step "C++: tests with sanitizers"
ctest --test-dir build/sanitize --output-on-failure -j 4
step ruff
ruff check .
step mypy
mypy
step pytest
pytest "$@"
step "all passed"
