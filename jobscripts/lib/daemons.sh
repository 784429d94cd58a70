# Starts and ends the MPI launcher of the daemons; to be sourced after common.sh.
# shellcheck shell=bash

keeper=
keeper_order=

# start_daemons LOG LOCK SIGNAL COMMAND...: in a session of its own, so that it outlives this script once release_daemons
# was called; if this script dies before that, however it dies, the daemons end too (keeper.sh).
start_daemons() {
  local log=$1
  shift
  : >"$log"
  # The pipe to it closes with this script: bash gives it to no other child.
  coproc KEEPER { exec setsid "$BASH" "$COPPER_LIB/keeper.sh" "$@" >>"$log" 2>&1; }
  # shellcheck disable=SC2153
  keeper=$KEEPER_PID
  keeper_order=${KEEPER[1]}
}

daemons_run() { [[ $keeper ]] && kill -0 "$keeper" 2>/dev/null; }

tell_keeper() {
  trap '' PIPE
  { printf '%s\n' "$*" >&"$keeper_order"; } 2>/dev/null || true  # closed where it has ended
  trap - PIPE
}

# wait_with_daemons COMMAND...: runs it until it ends, or hardly longer than the daemons; it does not outlive this script.
wait_with_daemons() {
  local waiter status=0 tenths=20
  "$@" &
  waiter=$!
  tell_keeper waiter "$waiter"
  while kill -0 "$waiter" 2>/dev/null && daemons_run; do wait -n || true; done
  # An MPI launcher that fails before its ranks leaves no word in the job directory that would end the wait.
  while ((tenths-- > 0)) && kill -0 "$waiter" 2>/dev/null; do sleep 0.1; done
  kill "$waiter" 2>/dev/null || true
  wait "$waiter" || status=$?
  tell_keeper waiter
  return "$status"
}

# From now on only `copper stop`, the scheduler or a signal to the MPI launcher ends them.
release_daemons() { tell_keeper ready; }

# wait_for_daemons SECONDS: until their MPI launcher has ended; 1 if it has not.
wait_for_daemons() {
  local tenths=$(($1 * 10))
  for (( ; tenths > 0; --tenths)); do
    daemons_run || return 0
    sleep 0.1
  done
  ! daemons_run
}

# Ends them if they have not been released.
end_daemons() {
  [[ $keeper ]] || return 0
  exec {keeper_order}>&-
  wait_for_daemons 40
}
