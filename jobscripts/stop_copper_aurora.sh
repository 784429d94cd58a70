#!/usr/bin/env bash
# Stops what launch_copper_aurora.sh has started in this job; returns when every node has unmounted and the results are
# on disk, and says where they are.
#
#   stop_copper_aurora.sh [-d DIR] [-v DIR]
#
#   -d DIR   log directory base of the launch; the job directory is DIR/JOBID [~/copper-logs]
#   -v DIR   mount point of the launch [what the job directory says, else /tmp/$USER/copper]
#   -h       this help
#
# COPPER_BUSY_SECONDS in the environment: how long processes that use a mount are waited for [10]. Then they are named, and
# it is unmounted under them.
set -euo pipefail
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=jobscripts/lib/stop.sh
source "$COPPER_LIB/stop.sh"

stop_copper use_pbs "$@"
