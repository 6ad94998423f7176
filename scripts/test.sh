#!/usr/bin/env bash
# Sets everything up (.venv, build/) and passes every test: C++, style, types, Python.
# usage: scripts/test.sh [arguments for pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
prepare dev
PATH=$PWD/.venv/bin:$PATH
step() { printf '== %s (%d s)\n' "$1" "$SECONDS"; }

step "C++: build"
cmake -S . -B build/test -G Ninja --log-level=WARNING -DIDSE_DEVELOPER=ON
cmake --build build/test
step "C++: tests"
ctest --test-dir build/test --output-on-failure
step ruff
ruff check .
step mypy
mypy
step pytest
pytest "$@"
step "all passed"
