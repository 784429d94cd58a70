#!/bin/bash
# Builds the release preset and runs the benchmarks: tests/bench/run.sh [ROW...] [--rounds N] [--notes FILE]
# README.md says what the rows are. COPPER_BUILD_DIR names another build directory than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."

jobscripts/install_dependencies.sh --python

build=${COPPER_BUILD_DIR:-build/release}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset release -B "$build" -DCOPPER_BENCHMARKS=ON -DCOPPER_TESTS=OFF &&
       cmake --build "$build" --target cu_fuse copper bench_programs test_source; } >"$log" 2>&1; then
  cat "$log"
  exit 1
fi
rm -f "$log"
trap - EXIT
COPPER_BUILD_DIR=$(realpath "$build") exec /usr/bin/python3 -B tests/bench/bench.py "$@"
