# What every launcher does; to be sourced after common.sh.
# shellcheck shell=bash disable=SC2154
# shellcheck source=jobscripts/lib/options.sh
source "$COPPER_LIB/options.sh"
# shellcheck source=jobscripts/lib/schedulers.sh
source "$COPPER_LIB/schedulers.sh"
# shellcheck source=jobscripts/lib/daemons.sh
source "$COPPER_LIB/daemons.sh"

lock=

# launch_copper USE ARGUMENT...: USE is one of the use_... functions of schedulers.sh.
launch_copper() {
  local use=$1
  shift
  parse_launch_options "$0" "$@"
  find_programs
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "$use"
  job=$(realpath -m -- "$log_base/$job_id")
  claim_job_directory
  record_launch
  say "starting Copper on ${node_count:-all} nodes: mount $mount, job directory $job"
  say "address book: $book_source${book:+ $book} ($book_reason)"
  start_daemons "$job/logs/launcher.log" "${lock:--}" "$end_signal" \
    "${daemon_command[@]}" "$cu_fuse" --mount "$mount" --log-output-dir "$job" "${cu_fuse_options[@]}"
  wait_until_ready
  release_daemons
  report_ready
}

# One launch at a time, and none beside a running job. Of a file system without locks both may get through here; the
# daemons then find each other's mounts.
claim_job_directory() {
  local i
  mkdir -p -- "$job/logs" || die 1 "cannot make the job directory $job: give another base with -d"
  [[ -O $job && -O $job/logs && -w $job/logs ]] || die 1 "the job directory $job is not yours: give another base with -d"
  refuse_beside_a_job
  exec {lock}>>"$job/logs/launch.lock"
  take_lock 1 && return
  say "another launch in $job is at work, or its daemons are just ending: waiting for that"
  for ((i = 0; i < 30; ++i)); do
    refuse_beside_a_job
    take_lock 2 && return
  done
  die 1 "another launch is at work in $job: give each its own base with -d"
}

take_lock() {  # take_lock SECONDS
  local status=0
  flock -w "$1" -E 75 "$lock" || status=$?
  ((status != 75))
}

refuse_beside_a_job() {
  [[ -e $job/logs/ready.json ]] || return 0
  ! "$copper" wait "$job" --timeout 0 2>/dev/null ||
    die 1 "Copper is running in $job already: stop it first, or give another base with -d and another mount with -v"
}

# What the stop script reads, and a person. How an earlier job here ended says nothing from now on.
record_launch() {
  local profile=no
  [[ " ${cu_fuse_options[*]-} " != *' --profile-'* ]] || profile=yes
  rm -f -- "$job/logs/exit.json"
  printf '%s\n' "mount $mount" "profile $profile" "job $job_id" "nodes ${node_count:-unknown}" "host $(uname -n)" \
    "command ${daemon_command[*]} $cu_fuse --mount $mount --log-output-dir $job ${cu_fuse_options[*]-}" >"$job/logs/launch.txt"
}

wait_until_ready() {
  local status=0
  wait_with_daemons "$copper" wait "$job" --timeout "$ready_within" 2>"$job/logs/wait.txt" || status=$?
  # Of thousands of ranks that all failed the first ones are enough.
  failure=$(sed '21{s/.*/  .../;q}' "$job/logs/wait.txt")
  rm -f -- "$job/logs/wait.txt"
  ((status == 0)) || fail_launch
}

fail_launch() {
  if [[ ! $failure && -e $job/logs/exit.json ]]; then failure=$(exit_field "$job" reason); fi
  say "Copper did not get ready: ${failure:-${daemon_command[0]} has ended before it}"
  clean_up_daemons
  show_first_errors
  say "everything that was said is in $job/logs"
  exit 1
}

show_first_errors() {
  local log shown=0
  if [[ -s $job/logs/launcher.log ]]; then
    printf '%s says:\n' "$(basename -- "${daemon_command[0]}")" >&2
    head -n 10 -- "$job/logs/launcher.log" | sed 's/^/  /' >&2
  fi
  while IFS= read -r log; do
    grep -m 3 -E '^[^[]*\[(Fatal|Error)\]' -- "$log" | sed "s|^|  $(basename -- "$log"): |" >&2 || continue
    ((++shown < 10)) || break
  done < <(find "$job/logs" -name '*-output.log' -newer "$job/logs/launch.txt" | sort)
}

# However this script ends before the job is ready: what it started ends, and nothing else.
clean_up_daemons() {
  daemons_run || return 0
  if [[ -e $job/logs/ready.json ]]; then "$copper" stop "$job" --timeout 30 2>/dev/null || true; fi
  end_daemons || say "${daemon_command[0]} (process $keeper) does not end: see $job/logs/launcher.log"
  say_what_is_left
}

say_what_is_left() {
  local left
  left=$(on_each_node 30 mounts "$job" "$mount") || true
  [[ ! $left ]] || say "mounts that are left (the next launch there takes dead ones away):"$'\n'"$left"
}

clean_up() {
  local status=$?
  trap '' INT TERM HUP
  ((status == 0)) || clean_up_daemons
  exit "$status"
}

# Milliseconds from the start of a rank to the end of each phase, of the fastest, the median and the slowest rank.
report_ready() {
  awk -F '[":, ]+' -v job="$job" '
    /"timings_us"/ { inside = 1; next }
    inside && /"(min|median|max)"/ { time[phase, $2] = $3 / 1000; next }
    inside && /\{/ { phase = $2 }
    /"ranks"/ { ranks = $3 }
    END {
      printf "Copper serves: %d ranks. Seconds since their start:  min   median      max\n", ranks
      row("MPI has joined them", "mpi"); row("the fabric is open", "fabric")
      row("mounted", "mount"); row("serving", "serving")
    }
    function row(label, phase) {
      printf "  %-46s %7.2f  %7.2f  %7.2f\n", label, time[phase, "min"] / 1000, time[phase, "median"] / 1000,
             time[phase, "max"] / 1000
    }' "$job/logs/ready.json"
  printf 'job directory %s\n' "$job"
}
