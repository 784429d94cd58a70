#!/usr/bin/env bash
# Copper on this machine, as NODES nodes: builds it, starts it with one mount per node, runs a command through every mount
# at once, cold and warm, stops it, runs the same without Copper, and prints what was asked for, what it took, and the
# summary of the job's profile.
#
#   run_local.sh [-n NODES]                   imports numpy, scipy and pandas with Debian's python3
#   run_local.sh [-n NODES] -- COMMAND...     runs COMMAND, with {mount} in its words replaced by the mount
#
# The import runs the machine's own interpreter with PYTHONPATH in the mount, as jobs do on large machines: the packages
# are what thousands of nodes open at once. `python3 -S` knows no other place for them, so nothing comes from elsewhere
# unnoticed, and the program checks that every module of theirs came from the mount.
#
# COPPER_BUILD_DIR=DIR in the environment: what was built there is run, and nothing is built.
set -euo pipefail
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=jobscripts/lib/schedulers.sh
source "$COPPER_LIB/schedulers.sh"
# shellcheck source=jobscripts/lib/daemons.sh
source "$COPPER_LIB/daemons.sh"

nodes=4
while (($#)); do
  case $1 in
    -n) [[ ${2-} =~ ^[1-9][0-9]*$ ]] || die 2 "-n takes the number of nodes, not '${2-}'"; nodes=$2; shift ;;
    -h | --help) print_header "$0" && exit 0 ;;
    --) shift; break ;;
    *) die 2 "unknown argument $1: see $0 --help (a command comes after --)" ;;
  esac
  shift
done

packages=/usr/lib/python3/dist-packages
# shellcheck disable=SC2016
import_program='
import sys, numpy, scipy, scipy.linalg, pandas
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
foreign = [name for name in files if "/dist-packages/" in name and not name.startswith(sys.argv[1] + "/")]
sys.exit(f"not through {sys.argv[1]}: {foreign[:3]}" if foreign or not numpy.__file__.startswith(sys.argv[1]) else 0)'
if (($#)); then
  command=("$@")
  what="$*"
else
  command=(env "PYTHONPATH={mount}$packages" PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
           /usr/bin/python3 -S -c "$import_program" "{mount}$packages")
  what='import numpy, scipy, pandas'
fi

build=${COPPER_BUILD_DIR:-$COPPER_ROOT/build/release}
cu_fuse=$build/bin/cu_fuse
copper=$build/bin/copper
place=$(mktemp -d "${TMPDIR:-/tmp}/copper-local-XXXXXX")
job=$place/job
runs=()

# However this ends: the commands, the job, its mounts and its files go.
# shellcheck disable=SC2317
clean_up() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  ((${#runs[@]})) && kill "${runs[@]}" 2>/dev/null
  if daemons_run; then
    "$copper" stop "$job" --timeout 20 >/dev/null 2>&1
    end_daemons
  fi
  wait 2>/dev/null
  for _ in {1..50}; do grep -qF " $place/" /proc/self/mountinfo || break; sleep 0.1; done
  if ((status != 0)); then show_last_words; fi
  # What is still mounted must not be walked into.
  if grep -qF " $place/" /proc/self/mountinfo; then
    say "mounts are left below $place: copper stop or fusermount3 -uz them"
    ((status)) || status=1
  else
    rm -rf --one-file-system -- "$place"
  fi
  exit "$status"
}

show_last_words() {
  local log
  for log in "$place"/launcher.txt "$place"/output.* "$job"/logs/*-output.log; do
    if [[ -s $log ]]; then printf '\n%s:\n' "${log#"$place"/}" >&2 && tail -n 8 -- "$log" >&2; fi
  done
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

now() { date +%s.%N; }
seconds_since() { awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.2f", to - from }'; }

# run_everywhere NAME MOUNT...: the command once per MOUNT at once; seconds of each and of all go to $place/NAME. An empty
# MOUNT is the source itself.
run_everywhere() {
  local name=$1 begin mount index=0 failed=0 pid
  shift
  : >"$place/$name"
  runs=()
  begin=$(now)
  for mount in "$@"; do
    run_one "$name" "$index" "$mount" &
    runs+=($!)
    index=$((index + 1))
  done
  for pid in "${runs[@]}"; do wait "$pid" || failed=1; done
  runs=()
  seconds_since "$begin" >"$place/$name.all"
  ((!failed)) || die 1 "the command failed ($name): $what"
}

run_one() {
  local name=$1 index=$2 mount=$3 words=() word begin child
  for word in "${command[@]}"; do
    [[ $word == '{mount}' && -z $mount ]] && word=/
    words+=("${word//'{mount}'/$mount}")
  done
  begin=$(now)
  setsid "${words[@]}" >"$place/output.$name.$index" 2>&1 </dev/null &
  child=$!
  trap 'kill -- "-$child" 2>/dev/null; exit 143' TERM INT
  wait "$child" || return 1
  printf '%s %s\n' "$index" "$(seconds_since "$begin")" >>"$place/$name"
}

# The figures of all ranks together at this moment, as `name value` lines.
figures() {
  "$copper" status "$job" --json | /usr/bin/python3 -c '
import json, sys
totals = json.load(sys.stdin)["totals"]
assert not totals["unreachable"], totals["unreachable"]
print("requests", totals["requests"]["total"])
for name, value in totals["events"].items():
    print(name, value)'
}

start_job() {
  mkdir -- "$place/mnt"
  (umask 077; : >"$place/launcher.txt")
  use_mpiexec -n "$nodes"
  # Never released: they end with this script.
  start_daemons "$place/launcher.txt" - "$end_signal" \
    "${daemon_command[@]}" "$cu_fuse" --mount "$place/mnt/%r" --target / --log-output-dir "$job" \
    --profile-metrics
  wait_with_daemons "$copper" wait "$job" --timeout 120 || die 1 "Copper did not get ready"
}

stop_job() {
  local status=0
  "$copper" stop "$job" --timeout 60 || die 1 "Copper did not stop"
  wait_for_daemons 20 || die 1 "mpiexec does not end"
  wait "$keeper" || status=$?
  ((status == 0)) || die 1 "mpiexec ended with status $status"
}

# Seconds of the fastest and the slowest node, and of all together.
timing_row() {
  sort -k2 -n "$place/$2" | awk -v label="$1" -v all="$(cat "$place/$2.all")" \
    'NR == 1 { fastest = $2 } { slowest = $2 } END { printf "  %-24s %8s %8s %8s\n", label, fastest, slowest, all }'
}

figure() { sed -n "s/^$1 //p" "$place/figures.$2"; }
figure_row() {
  local cold warm
  cold=$(($(figure "$2" cold) - $(figure "$2" start)))
  warm=$(($(figure "$2" warm) - $(figure "$2" cold)))
  printf '  %-24s %15s %15s\n' "$1" "$("${3:-echo}" "$cold")" "$("${3:-echo}" "$warm")"
}
mebibytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }

report() {
  printf '\n%s nodes on %s with %s cores: %s\n' "$nodes" "$(uname -n)" "$(nproc)" "$what"
  printf '\n  %-24s %8s %8s %8s\n' 'seconds' 'fastest' 'slowest' 'all'
  timing_row 'with Copper, cold' cold
  timing_row 'with Copper, warm' warm
  timing_row 'without Copper' native
  printf '\n  %-24s %15s %15s\n' 'over all nodes' 'cold' 'warm'
  figure_row 'requests of the kernels' requests
  figure_row 'bytes from the cache' bytes_from_cache mebibytes
  figure_row 'bytes from the source' bytes_from_source mebibytes
  figure_row 'bytes between nodes' bytes_from_parent mebibytes
  figure_row 'reads at the source' reads_at_source
  figure_row 'listings at the source' lists_at_source
  figure_row 'looks at the source' looks_at_source
  printf '\n'
}

"$COPPER_ROOT/jobscripts/install_dependencies.sh" --python
[[ ${COPPER_BUILD_DIR-} ]] || configure_and_build release cu_fuse copper || die 1 'the build failed'

mapfile -t natives < <(for ((rank = 0; rank < nodes; ++rank)); do echo; done)
mounts=()
for ((rank = 0; rank < nodes; ++rank)); do mounts+=("$place/mnt/$rank"); done

say 'once without Copper, so that every run below finds the source in the page cache'
run_everywhere before-copper ''
say "starting Copper as $nodes nodes"
start_job
figures >"$place/figures.start"
say 'through every mount at once: cold'
run_everywhere cold "${mounts[@]}"
figures >"$place/figures.cold"
say 'the same again: warm'
run_everywhere warm "${mounts[@]}"
figures >"$place/figures.warm"
say 'stopping Copper'
stop_job
say "the same without Copper, $nodes at once"
run_everywhere native "${natives[@]}"
report
"$copper" aggregate-profiling "$job" >/dev/null || die 1 'the profile could not be summarised'
cat -- "$job/profiling/cluster/cluster-profiling_summary.md"
