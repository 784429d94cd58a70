#!/usr/bin/env bash
# Starts Copper on every node of a job, on any cluster, or on this workstation, and returns when every node serves.
#
# In a Slurm job with srun; in a PBS job with mpiexec; elsewhere with mpiexec on this machine, as COPPER_NODES nodes (1,
# else -v takes %r). COPPER_LAUNCH_COMMAND, where it is set, is the command that starts one process on each node of the
# job, such as "mpirun --map-by ppr:1:node", and COPPER_JOB_ID the job's name.
#
#   launch_copper.sh [OPTION...]
#
# If the job dies or the time is over: prints why, ends what it has started, and returns 1.
set -euo pipefail
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=jobscripts/lib/launch.sh
source "$COPPER_LIB/launch.sh"

launch_copper use_what_is_there "$@"
