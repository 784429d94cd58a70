#!/usr/bin/env bash
# Fuzzes for hours: every target, two at a time, sharing the time.
#
#   tests/fuzz/run.sh HOURS            (fractions too: 0.1)
#   tests/fuzz/run.sh HOURS TARGET...  only these: listing wire_message ...
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
hours=${1:?how many hours? See tests/fuzz/README.md}
shift
cmake --preset asan-ubsan >/dev/null
cmake --build --preset asan-ubsan --target fuzz_targets
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(ls tests/fuzz/corpus)
rounds=$(((${#targets[@]} + 1) / 2))
seconds=$(awk "BEGIN {print int($hours * 3600 / $rounds) + 1}")
found=build/asan-ubsan/tests/fuzz/found
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c \
  "build/asan-ubsan/tests/fuzz/fuzz_{} -max_total_time=$seconds -timeout=10 -verbosity=0 -print_final_stats=1 -artifact_prefix=$found/{}- $found/{} tests/fuzz/corpus/{} 2>&1 | sed 's/^/{}: /'; exit \${PIPESTATUS[0]}"
