#!/usr/bin/env bash
# keeper.sh LOCK COMMAND...: runs COMMAND, the MPI launcher of the daemons, in the background of a job script.
#
# Reads stdin: after the line "ready" the daemons stay until they are stopped. If stdin ends without it, whoever launched
# them is gone, and they go too. LOCK is a descriptor, or -: held until COMMAND has ended, and not passed on to it.
set -uo pipefail

lock=$1
shift
if [[ $lock == - ]]; then
  "$@" </dev/null &
else
  "$@" </dev/null {lock}>&- &
fi
command=$!
# What a scheduler or a person sends to end this, the command gets: the daemons then end in order.
trap 'kill -TERM "$command" 2>/dev/null' TERM INT HUP

end_command() {
  local i
  kill -TERM "$command" 2>/dev/null
  for ((i = 0; i < 200; ++i)); do
    kill -0 "$command" 2>/dev/null || return
    sleep 0.1
  done
  kill -KILL "$command" 2>/dev/null
}

exec {order}<&0 </dev/null
(IFS= read -r word <&"$order" && [[ $word == ready ]]) &
reader=$!
exec {order}<&-

runs() { kill -0 "$1" 2>/dev/null; }
while runs "$command" && runs "$reader"; do wait -n; done
if runs "$command"; then
  wait "$reader" || end_command
else
  kill "$reader" 2>/dev/null
fi
while runs "$command"; do wait "$command"; done
wait "$command"
