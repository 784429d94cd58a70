# How each scheduler says what the job is, and how it starts one process per node; to be sourced after common.sh.
#
# Each use_... function sets
#   job_id         the job's number, or name
#   node_count     how many nodes it has; empty where only the launcher knows
#   per_node       a command that runs another once on each node
#   daemon_command the same for the daemons: bound to `cores`, and the loss of one node does not end the others
#   end_signal     what makes daemon_command end the daemons in order
# shellcheck shell=bash disable=SC2034

end_signal=TERM
words_of() {  # words_of ARRAY TEXT: splits TEXT as a command line without quotes
  IFS=' ' read -r -a "$1" <<<"$2"
}

# choose_binding: sets binding, the command that binds what follows it to `cores`. (srun and Hydra bind to whatever there
# is, or to nothing, where the cores are not the job's; taskset fails.)
choose_binding() {
  binding=()
  if [[ ${cores-} ]]; then binding=(taskset -c "$cores"); fi
}

use_slurm() {
  local options binding
  [[ ${SLURM_JOB_ID-} ]] || die 2 'there is no Slurm job here (SLURM_JOB_ID is not set): run this in a script for sbatch, or in salloc'
  [[ ${SLURM_JOB_NODELIST-} && ${SLURM_JOB_NUM_NODES-} =~ ^[1-9][0-9]*$ ]] ||
    die 2 "the Slurm job $SLURM_JOB_ID has no nodes (SLURM_JOB_NODELIST is '${SLURM_JOB_NODELIST-}')"
  command -v srun >/dev/null || die 2 'srun is not in PATH'
  words_of options "${COPPER_SRUN_OPTIONS-}"
  choose_binding
  job_id=$SLURM_JOB_ID
  node_count=$SLURM_JOB_NUM_NODES
  per_node=(srun --overlap --nodes="$node_count" --ntasks="$node_count" --ntasks-per-node=1 --cpu-bind=none
            --export=ALL --quiet "${options[@]}")
  # Without --wait=0 a site's WaitTime ends the survivors of a lost node. At SIGTERM srun would kill its tasks at once; with
  # --disable-status it hands SIGINT on to them.
  end_signal=INT
  daemon_command=(srun --overlap --nodes="$node_count" --ntasks="$node_count" --ntasks-per-node=1 --cpu-bind=none
                  --export=ALL --kill-on-bad-exit=0 --wait=0 --disable-status --job-name=copper "${options[@]}" "${binding[@]}")
}

# Hosts stand in the file once for each slot.
use_pbs() {
  [[ ${PBS_JOBID-} ]] || die 2 'there is no PBS job here (PBS_JOBID is not set): run this in a script for qsub, or in qsub -I'
  [[ ${PBS_NODEFILE-} && -r $PBS_NODEFILE ]] ||
    die 2 "cannot read the node file of the PBS job $PBS_JOBID (PBS_NODEFILE is '${PBS_NODEFILE-}')"
  node_count=$(awk 'NF && !seen[$1]++ { ++count } END { print count + 0 }' "$PBS_NODEFILE")
  ((node_count > 0)) || die 2 "the node file of the PBS job $PBS_JOBID is empty: $PBS_NODEFILE"
  job_id=${PBS_JOBID%%.*}
  name_each_node_once
  use_mpiexec -n "$node_count" -ppn 1 -f "$node_file"
}

# Sets node_file: that of PBS, or what has a name only as long as this script, or a child of its, has it open.
name_each_node_once() {
  local once descriptor
  node_file=$PBS_NODEFILE
  (($(wc -l <"$PBS_NODEFILE") != node_count)) || return 0
  once=$(mktemp "${TMPDIR:-/tmp}/copper-nodes-XXXXXX")
  awk 'NF && !seen[$1]++ { print $1 }' "$PBS_NODEFILE" >"$once"
  exec {descriptor}<"$once"
  rm -f -- "$once"
  node_file=/dev/fd/$descriptor
}

# use_mpiexec PLACEMENT...: what this mpiexec calls binding, and going on when a rank is lost.
use_mpiexec() {
  local mpiexec=${COPPER_MPIEXEC:-mpiexec} help options binding
  command -v "$mpiexec" >/dev/null || die 2 "$mpiexec is not in PATH: load the MPI that Copper was built with, or set COPPER_MPIEXEC"
  words_of options "${COPPER_MPIEXEC_OPTIONS-}"
  choose_binding
  help=$("$mpiexec" --help 2>&1 </dev/null || true)
  per_node=("$mpiexec" "$@" "${options[@]}")
  daemon_command=("${per_node[@]}" "${binding[@]}")
  case $help in
    *--no-abort-on-failure*)  # PALS
      per_node+=(--cpu-bind none)
      daemon_command=("$mpiexec" "$@" "${options[@]}" --no-abort-on-failure --cpu-bind "${cores:+list:}${cores:-none}")
      ;;
    *-disable-auto-cleanup*)  # Hydra: MPICH, Intel MPI
      daemon_command=("$mpiexec" -disable-auto-cleanup "$@" "${options[@]}" "${binding[@]}")
      ;;
  esac
}

# One machine, as COPPER_NODES nodes.
use_workstation() {
  local nodes=${COPPER_NODES:-1} host
  [[ $nodes =~ ^[1-9][0-9]*$ ]] || die 2 "COPPER_NODES is the number of nodes, not '$nodes'"
  host=$(uname -n)
  job_id=${COPPER_JOB_ID:-local-${host%%.*}}
  node_count=$nodes
  use_mpiexec -n "$nodes"
}

# A command of the user's that starts one process on each node.
use_launch_command() {
  local binding
  choose_binding
  words_of per_node "$COPPER_LAUNCH_COMMAND"
  ((${#per_node[@]})) || die 2 'COPPER_LAUNCH_COMMAND is empty'
  daemon_command=("${per_node[@]}" "${binding[@]}")
  node_count=
  job_id=${COPPER_JOB_ID:-${SLURM_JOB_ID:-${PBS_JOBID:-${LSB_JOBID:-${FLUX_JOB_ID:-${JOB_ID-}}}}}}
  job_id=${job_id%%.*}
  [[ $job_id ]] || die 2 'no scheduler known here says which job this is: set COPPER_JOB_ID to a name for it'
}

use_what_is_there() {
  if [[ ${COPPER_LAUNCH_COMMAND-} ]]; then
    use_launch_command
  elif [[ ${SLURM_JOB_ID-} ]]; then
    use_slurm
  elif [[ ${PBS_JOBID-} ]]; then
    use_pbs
  else
    use_workstation
  fi
}

# on_each_node SECONDS MODE ARGUMENT...: runs on_node.sh once on each node; each line of its output once.
on_each_node() {
  local seconds=$1
  shift
  timeout -k 10 "$seconds" "${per_node[@]}" "$BASH" "$COPPER_LIB/on_node.sh" "$@" </dev/null 2>/dev/null | sort -u
}
