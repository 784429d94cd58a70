# What every stop script does; to be sourced after common.sh.
# shellcheck shell=bash disable=SC2154
# shellcheck source=jobscripts/lib/options.sh
source "$COPPER_LIB/options.sh"
# shellcheck source=jobscripts/lib/schedulers.sh
source "$COPPER_LIB/schedulers.sh"

# How long processes that still use a mount are waited for; then it is unmounted lazily under them.
busy_seconds=${COPPER_BUSY_SECONDS:-10}
mount_given=

# stop_copper USE ARGUMENT...: USE is one of the use_... functions of schedulers.sh.
stop_copper() {
  local use=$1 status=0
  shift
  parse_stop_options "$0" "$@"
  find_programs
  "$use"
  job=$(realpath -m -- "$log_base/$job_id")
  logs=$job/logs
  take_recorded_mount
  if [[ ! -d $logs ]]; then
    stop_through_mounts || status=1
  elif [[ -e $logs/exit.json && ! -e $logs/ready.json ]]; then
    say "nothing to stop: the job in $job has ended already: $(exit_field "$job" reason)"
    [[ $(exit_field "$job" status) == 0 ]] || status=1
  elif [[ ! -e $logs/ready.json && ! -e $logs/launch.txt ]]; then
    die 1 "no Copper was launched in $job: is -d the one of the launch?"
  else
    stop_through_directory || status=1
  fi
  check_mounts || status=1
  tell_results || status=1
  exit "$status"
}

take_recorded_mount() {
  local recorded
  recorded=$(sed -n 's/^mount //p' "$logs/launch.txt" 2>/dev/null) || true
  [[ $recorded ]] || return 0
  [[ ! $mount_given || $mount == "$recorded" ]] || say "this job was launched with -v $recorded, not $mount"
  mount=$recorded
}

stop_through_directory() {
  name_users
  "$copper" stop "$job" --timeout 120 || return 1
  # Held until the MPI launcher has ended (keeper.sh).
  [[ ! -e $logs/launch.lock ]] || (flock -w 30 -E 75 9 || (($? != 75))) 9<"$logs/launch.lock" ||
    say "the job has ended, but not the MPI launcher of the daemons yet"
  say "the job in $job has ended: $(exit_field "$job" reason)"
}

name_users() {
  local users
  ((busy_seconds > 0)) || return 0
  users=$(on_each_node $((busy_seconds + 30)) users "$job" "$mount" "$busy_seconds") || true
  [[ ! $users ]] || say "kept busy for $busy_seconds s, and now unmounted lazily:"$'\n'"$users"
}

# Without its directory a job can still be asked through a mount of its own.
stop_through_mounts() {
  local left
  left=$(on_each_node 30 mounts "$job" "$mount") || true
  [[ $left == *': serving '* ]] ||
    die 1 "no Copper was launched in $job, and nothing of it is mounted at $mount: are -d and -v those of the launch?"
  say "the job directory $job has vanished: stopping the job through its mounts"
  name_users
  on_each_node 120 stop "$job" "$mount" "$copper" >/dev/null || true
}

check_mounts() {
  local left
  if ! left=$(on_each_node 60 mounts "$job" "$mount"); then
    say "could not look at every node whether a mount is left"
    return 1
  fi
  [[ $left ]] || return 0
  say "mounts are left (of dead ones the next launch there takes away its own; else fusermount3 -uz):"$'\n'"$left"
  return 1
}

tell_results() {
  local place profile=profiling/final/copper_profile.h5
  [[ -d $job ]] || return 0
  printf 'results in %s\n' "$job"
  for place in "$profile" tables/final logs; do
    [[ ! -e $job/$place ]] || printf '  %s\n' "$job/$place"
  done
  if grep -qs '^profile yes' "$logs/launch.txt" && [[ ! -e $job/$profile ]]; then
    say "a profile was asked for, but there is no $job/$profile"
    return 1
  fi
}
