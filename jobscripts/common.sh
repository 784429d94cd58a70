# Helpers of the job scripts; to be sourced by bash.
# shellcheck shell=bash

COPPER_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly COPPER_ROOT

say() { printf '%s\n' "-- $*" >&2; }

die() {  # die STATUS MESSAGE
  local status=$1
  shift
  printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
  exit "$status"
}

print_header() {  # the comment at the head of a script is its help
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$1"
}

# configure_and_build PRESET [TARGET...]: output is shown only when something fails.
configure_and_build() {
  local preset=$1 log options=()
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/copper-build-XXXXXX.log")
  if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  say "building preset $preset"
  if ! (cd "$COPPER_ROOT" && cmake --preset "$preset" "${options[@]}" &&
        cmake --build --preset "$preset" -j "$(nproc)" "${@/#/--target=}") >"$log" 2>&1 </dev/null; then
    tail -n 80 "$log" >&2
    rm -f -- "$log"
    return 1
  fi
  rm -f -- "$log"
}
