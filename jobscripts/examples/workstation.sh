#!/usr/bin/env bash
# Copper on one workstation: the launch, a workload through the mount, the stop, and what Copper has seen of it. From a
# checkout that was built (README.md, Install), or from an installation.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
base=${BASE:-$HOME/copper-logs}
mount=${MOUNT:-/tmp/$(id -un)/copper}
packages=${PACKAGES:-/usr/lib/python3/dist-packages}
job=$base/${COPPER_JOB_ID:=workstation}
export COPPER_JOB_ID

# However this script ends, Copper ends with it. (A second stop says that there is nothing to stop.)
trap '"$here/stop_copper.sh" -d "$base"' EXIT
"$here/launch_copper.sh" -d "$base" -v "$mount" -l 4

PYTHONPATH=$mount$packages PYTHONDONTWRITEBYTECODE=1 python3 -S -c "${PROGRAM:-import numpy; print(numpy.__file__)}"

# The same in a container, if Apptainer is installed:
#   APPTAINERENV_PYTHONPATH=/copper$packages apptainer exec --bind "$mount:/copper:ro" image.sif python3 -c 'import numpy'

trap - EXIT
"$here/stop_copper.sh" -d "$base"
printf 'logs of this job: %s\n' "$job/logs"
