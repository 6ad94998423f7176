#!/usr/bin/env bash
# Prepares .venv and build/, and runs all checks: C++ tests (also with sanitizers), style, types, Python tests.
# usage: scripts/test.sh [arguments for pytest]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
step() { printf '== %s (%d s)\n' "$1" "$SECONDS"; }
build() {  # folder, options of CMake
    local folder=$1
    shift
    cmake -S . -B "build/$folder" -G Ninja --log-level=WARNING -DIDSE_DEVELOPER=ON "$@"
    cmake --build "build/$folder"
}
in_background() {  # name, command: what it prints goes to build/NAME.log, its process is $background
    mkdir -p build
    "${@:2}" > "build/$1.log" 2>&1 &
    background=$!
}
finished() {  # name: waits for it, and shows its output where it failed
    wait "$background" || { cat "build/$1.log" >&2; echo "$1 failed" >&2; return 1; }
}

# Installing packages keeps one core busy; the C++ is built on the other meanwhile.
make_environment
PATH=$PWD/.venv/bin:$PATH
step "set-up, and C++: build, with sanitizers too"
install_packages 'cmake>=3.18' 'ninja>=1.11'
build_all() { build test && build sanitize -DIDSE_SANITIZE=address; }
in_background build build_all
prepare dev
finished build
step "C++: tests"
ctest --test-dir build/test --output-on-failure -j 2
in_background sanitize ctest --test-dir build/sanitize --output-on-failure -j 2
step "ruff and mypy, and C++: tests with sanitizers"
ruff check .
mypy
finished sanitize
step pytest
pytest --strict-skips --numprocesses 2 --dist worksteal "$@"
step "pytest: networks as other processors compute them"
ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 PYTHONPATH=$PWD/tests${PYTHONPATH:+:$PYTHONPATH} \
    pytest -p last_bits --numprocesses 2 --dist worksteal tests/detectors tests/features tests/importance tests/study
step "all passed"
