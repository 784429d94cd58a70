#!/bin/bash
# Builds the release preset and runs the benchmarks: tests/bench/run.sh [ROW...] [--rounds N] [--notes FILE]
# README.md says what the rows are. COPPER_BUILD_DIR names another build directory than build/release.
set -euo pipefail
cd "$(dirname "$0")/../.."

needed=(cmake ninja-build g++ pkg-config libfuse3-dev fuse3 mpich libmpich-dev libfabric-dev libspdlog-dev libcli11-dev
        libxxhash-dev libsodium-dev nlohmann-json3-dev
        python3-numpy python3-scipy python3-sympy python3-pandas python3-matplotlib)
missing=()
for package in "${needed[@]}"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if (( ${#missing[@]} )); then
  echo "Installing ${missing[*]} ..."
  as_root=()
  (( EUID == 0 )) || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
fi

build=${COPPER_BUILD_DIR:-build/release}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { cmake --preset release -B "$build" -DCOPPER_BENCHMARKS=ON -DCOPPER_TESTS=OFF &&
       cmake --build "$build" --target cu_fuse copper bench_programs; } >"$log" 2>&1; then
  cat "$log"
  exit 1
fi
rm -f "$log"
trap - EXIT
COPPER_BUILD_DIR=$(realpath "$build") exec /usr/bin/python3 -B tests/bench/bench.py "$@"
