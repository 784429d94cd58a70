#!/usr/bin/env bash
# clang-tidy over all of Copper, with the checks of .clang-tidy; some ten minutes on two cores. tests/tidy.sh [FILE...]
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

jobscripts/install_dependencies.sh --test
cmake --preset asan-ubsan >/dev/null  # clang's own compile commands
files=("$@")
if ((${#files[@]} == 0)); then mapfile -t files < <(find src postproc -name '*.cc' | sort); fi
printf '%s\n' "${files[@]}" | xargs -P 2 -n 4 clang-tidy-19 --quiet -p build/asan-ubsan
