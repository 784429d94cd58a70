# Helpers of the job scripts; to be sourced by bash. What only the launchers need is in lib/.
# shellcheck shell=bash

# Of a checkout, its top; of an installation, PREFIX/share/copper.
COPPER_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly COPPER_ROOT
# shellcheck disable=SC2034
readonly COPPER_LIB=$COPPER_ROOT/jobscripts/lib

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

# configure_and_build PRESET [-DOPTION...] [TARGET...]: output is shown only when something fails.
configure_and_build() {
  local preset=$1 log options=()
  shift
  while [[ ${1-} == -D* ]]; do
    options+=("$1")
    shift
  done
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

# find_programs: sets cu_fuse and copper. COPPER_BIN, where it is set, is the one place; else beside an installation,
# in PATH, or built here.
# shellcheck disable=SC2034
find_programs() {
  local place on_path
  on_path=$(dirname -- "$(command -v cu_fuse || echo /nowhere/cu_fuse)")
  for place in ${COPPER_BIN:+"$COPPER_BIN"} "$COPPER_ROOT/../../bin" "$on_path" "$COPPER_ROOT/build/release/bin"; do
    if [[ -x $place/cu_fuse && -x $place/copper ]]; then
      place=$(cd -- "$place" && pwd)
      cu_fuse=$place/cu_fuse
      copper=$place/copper
      return
    fi
    [[ ! ${COPPER_BIN-} ]] || die 2 "COPPER_BIN=$COPPER_BIN does not hold the programs cu_fuse and copper"
  done
  die 2 'cu_fuse and copper are neither beside these scripts nor in PATH: set COPPER_BIN to their directory'
}

# exit_field JOBDIR NAME: a text or a number of how the last job there ended.
exit_field() {
  sed -nE 's/.*"'"$2"'":("([^"]*)"|([0-9]+)).*/\2\3/p' "$1/logs/exit.json"
}
