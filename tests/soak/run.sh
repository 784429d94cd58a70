#!/usr/bin/env bash
# Builds the release preset and runs the soak test, 3 minutes by default.
#
#   tests/soak/run.sh [--minutes N] [--seed N] [--kills 0..3] [--readers N] [--rate N]
#                     [--notes FILE] [--markdown FILE] [--keep]
#
# README.md says what happens and what counts. COPPER_BUILD_DIR names a build that is there already.
set -euo pipefail
if [[ ${1-} == -h || ${1-} == --help ]]; then
  exec /usr/bin/python3 -B "$(dirname -- "${BASH_SOURCE[0]}")/soak.py" --help
fi
# shellcheck source=jobscripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../../jobscripts/common.sh"

if [[ -z ${COPPER_BUILD_DIR-} ]]; then
  "$COPPER_ROOT/jobscripts/install_dependencies.sh" --python
  configure_and_build release -DCOPPER_BENCHMARKS=ON cu_fuse copper test_source
  COPPER_BUILD_DIR=$COPPER_ROOT/build/release
fi
COPPER_BUILD_DIR=$(realpath -- "$COPPER_BUILD_DIR") exec /usr/bin/python3 -B "$COPPER_ROOT/tests/soak/soak.py" "$@"
