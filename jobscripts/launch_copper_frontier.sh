#!/usr/bin/env bash
# Starts Copper on every node of a Slurm job, as on Frontier (srun, Slingshot), and returns when every node serves.
#
#   launch_copper_frontier.sh [OPTION...]
#
# If the job dies or the time is over: prints why, ends what it has started, and returns 1.
set -euo pipefail
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=jobscripts/lib/launch.sh
source "$COPPER_LIB/launch.sh"

# shellcheck disable=SC2034
cores=1,2
net_type=cxi://cxi1
site_book=$COPPER_ROOT/olcf_frontier_copper_addressbook.txt

launch_copper use_slurm "$@"
