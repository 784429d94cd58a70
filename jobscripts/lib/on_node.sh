#!/usr/bin/env bash
# What the job scripts look at on each node.
#
#   on_node.sh mounts JOBDIR MOUNT            the Copper mounts of this job at MOUNT, and dead ones of this user there
#   on_node.sh users JOBDIR MOUNT SECONDS     processes that use such a mount, once they are gone or the time is over
#   on_node.sh stop JOBDIR MOUNT COPPER       ends the job through its mount here
#
# MOUNT may hold %r, any rank, %h, this host, and %%, a percent sign. Prints a line "HOST: ..." for each thing found.
set -u
# What the job has in PATH may lie in a mount, and would then be found as its user.
PATH=/usr/bin:/bin:$PATH

mode=$1
job=$2
pattern=$3
host=$(uname -n)
host=${host%%.*}

# For use in a regular expression.
# shellcheck disable=SC2001
escape() { sed 's/[][\.*^$+?(){}|]/\\&/g' <<<"$1"; }
expression=$(escape "$pattern")
expression=${expression//%%/$'\1'}
expression=${expression//%h/$(escape "$host")}
expression=^${expression//%r/[0-9]+}$
expression=${expression//$'\1'/%}

# "STATE POINT" a line; state is serving or dead. Another job's mount is none of ours.
mounts_here() {
  local point type options status
  while read -r _ point type options _; do
    printf -v point %b "${point//\\/\\0}"
    [[ $type == fuse.copper && $point =~ $expression && ,$options, == *,user_id=$EUID,* ]] || continue
    if status=$(timeout 5 cat -- "$point/.copper/status.json" 2>/dev/null); then
      [[ ${status//\": \"/\":\"} != *"\"job_directory\":\"$job\""* ]] || printf 'serving %s\n' "$point"
    else
      printf 'dead %s\n' "$point"
    fi
  done </proc/self/mounts
}

# Processes of this user with a file, a library or their directory in a mount of this job.
users_here() {
  local points
  points=$(mounts_here | sed -n 's/^serving //p')
  [[ $points ]] || return 0
  {
    find /proc/[0-9]*/{cwd,root,exe,fd} -maxdepth 1 -type l -user "$EUID" -printf '%p %l\n'
    # shellcheck disable=SC2001
    grep -sHF -e "$(sed 's|$|/|' <<<"$points")" /proc/[0-9]*/maps | sed -E 's|^(/proc/[0-9]+/maps):[^/]*|\1 |'
  } 2>/dev/null |
    awk -v points="$points" '
      BEGIN { count = split(points, point, "\n") }
      {
        used = substr($0, index($0, " ") + 1)
        for (i = 1; i <= count; ++i) {
          if (used == point[i] || index(used, point[i] "/") == 1) { split($1, part, "/"); print part[3], point[i] }
        }
      }' | sort -u |
    while read -r pid point; do
      printf '%s: process %s (%s) uses %s\n' "$host" "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)" "$point"
    done
}

case $mode in
  mounts)
    mounts_here | sed "s/^/$host: /"
    ;;
  users)
    for ((i = 0; i <= $4; ++i)); do
      ((i == 0)) || sleep 1
      found=$(users_here)
      [[ $found ]] || exit 0
    done
    printf '%s\n' "$found"
    ;;
  stop)
    mounts_here | while read -r state point; do
      [[ $state != serving ]] || "$4" stop "$point" --timeout 60
    done
    ;;
  *)
    exit 2
    ;;
esac
