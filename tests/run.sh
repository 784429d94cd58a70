#!/usr/bin/env bash
# Installs what is missing, builds, runs the tests and prints ctest's closing lines.
#
#   tests/run.sh            the dev build with everything; asan-ubsan on the unit tests and one scenario of 4 ranks;
#                           the fuzz targets, ten seconds each
#   tests/run.sh --tsan     the same scenario and the unit tests under the thread sanitizer, and nothing else
#   tests/run.sh --all      both, and every scenario under asan-ubsan
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=jobscripts/common.sh
source jobscripts/common.sh

plan=landing
while (($#)); do
  case $1 in
    --tsan) plan=tsan ;;
    --all) plan=all ;;
    -h | --help) print_header tests/run.sh && exit 0 ;;
    *) die 2 "unknown option $1: see tests/run.sh --help" ;;
  esac
  shift
done

reports=$(mktemp -d "${TMPDIR:-/tmp}/copper-tests-XXXXXX")
trap 'rm -rf -- "$reports"' EXIT
failed=()

# From ctest's output: the last 20 lines of each test that failed.
last_words_of_failed() {
  awk 'function flush() { for (i = count > 20 ? count - 19 : 1; i <= count; i++) print "   " words[i]; count = 0; failed = 0 }
       /^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / { flush(); if (/\*\*\*/) { failed = 1; print } next }
       /^ *Start +[0-9]+: |^[0-9]+% tests passed/ { flush(); next }
       failed { words[++count] = $0 }'
}

# run_tests PRESET NAME CTEST_OPTION...: output goes through, the closing lines are kept for the end.
run_tests() {
  local preset=$1 name=$2
  shift 2
  say "$preset: $name"
  ctest --preset "$preset" --no-tests=error -j 2 "$@" </dev/null 2>&1 | tee "$reports/output" || failed+=("$preset: $name")
  {
    printf '== %s: %s\n' "$preset" "$name"
    last_words_of_failed <"$reports/output"
    sed -n '/^[0-9]*% tests passed/,$p' "$reports/output"
  } >>"$reports/closing"
}

build() {
  configure_and_build "$@" && return
  failed+=("$1: build")
  printf '== %s: the build failed\n' "$1" >>"$reports/closing"
  return 1
}

# The checks come before the scenarios: what is wrong with the pieces explains what is wrong with the whole.
run_dev() {
  build dev || return 0
  run_tests dev 'unit tests' -L '^unit$'
  run_tests dev 'architecture' -L '^architecture$'
  run_tests dev 'simulation' -L '^simulation$'
  run_tests dev 'scenarios' -L '^scenario$' -j 3  # they wait more than they compute
}

run_sanitized() {  # run_sanitized PRESET LABEL
  # (report_mutex_bugs: a library unlocks, while it is unloaded, what the sanitizer did not see it lock.)
  # What the scenarios set for themselves (tests/scenario/CMakeLists.txt) the unit tests need too, also while they are built.
  local suppressions=$PWD/tests/scenario
  export UCX_MEM_EVENTS=no FI_MR_CACHE_MONITOR=disabled
  export LSAN_OPTIONS=suppressions=$suppressions/lsan.supp:print_suppressions=0
  export TSAN_OPTIONS=suppressions=$suppressions/tsan.supp:allow_addr2line=1:report_mutex_bugs=0
  export ASAN_OPTIONS=allow_addr2line=1 UBSAN_OPTIONS=print_stacktrace=1:allow_addr2line=1
  build "$1" || return 0
  run_tests "$1" 'unit tests' -L '^unit$'
  run_tests "$1" "scenarios labelled $2" -L "^$2\$"
}

# Ten seconds for each reader of what others wrote; hours: tests/fuzz/run.sh.
run_fuzz() { run_tests asan-ubsan 'fuzz targets, ten seconds each' -L '^fuzz$'; }

jobscripts/install_dependencies.sh --python --test
export COPPER_TESTS_SKIP_NOTHING=1  # everything is installed: a test that can't run has failed
case $plan in
  landing) run_dev && run_sanitized asan-ubsan sanitized && run_fuzz ;;
  tsan) run_sanitized tsan sanitized ;;
  all) run_dev && run_sanitized asan-ubsan scenario && run_fuzz && run_sanitized tsan sanitized ;;
esac

printf '\n'
cat "$reports/closing"
printf 'took %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
if ((${#failed[@]})); then die 1 "failed: $(printf '%s; ' "${failed[@]}")"; fi
