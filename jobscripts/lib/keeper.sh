#!/usr/bin/env bash
# keeper.sh LOCK SIGNAL COMMAND...: runs COMMAND, the MPI launcher of the daemons, in the background of a job script.
#
# Reads lines from stdin. After "ready" the daemons stay until they are stopped. If stdin ends without it, whoever launched
# them is gone, and they go too, with the process of the last "waiter PID". LOCK is a descriptor, or -: held until COMMAND has ended, and not passed on to it.
# SIGNAL makes COMMAND end its processes in order.
set -uo pipefail

lock=$1
signal=$2
shift 2
if [[ $lock == - ]]; then
  "$@" </dev/null &
else
  "$@" </dev/null {lock}>&- &
fi
command=$!
# What a scheduler or a person sends to end this, the command gets: the daemons then end in order.
trap 'kill -"$signal" "$command" 2>/dev/null' TERM INT HUP

# MPICH's mpiexec hangs, and its ranks with it, if a signal comes in the first moments, while it starts its proxies.
end_command() {
  local i
  while ((SECONDS < 2)) && kill -0 "$command" 2>/dev/null; do sleep 0.1; done
  for ((i = 0; i < 200; ++i)); do
    ((i % 50)) || kill -"$signal" "$command" 2>/dev/null
    kill -0 "$command" 2>/dev/null || return
    sleep 0.1
  done
  kill -KILL "$command" 2>/dev/null
}

exec {order}<&0 </dev/null
take_orders() {
  local word pid waiter=
  while read -r word pid; do
    [[ $word != ready ]] || return 0
    waiter=$pid
  done
  [[ ! $waiter ]] || kill "$waiter" 2>/dev/null
  return 1
}
take_orders <&"$order" &
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
