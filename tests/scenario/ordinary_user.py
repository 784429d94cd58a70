"""Tests as an ordinary user: as root, a test starts itself again as `nobody` in a private mount namespace with a /dev/fuse
node of its own, since the machine's node may be root's alone. As somebody else it needs a /dev/fuse that may be opened."""

import os
import subprocess
import sys
import tempfile

NOBODY = 65534
MARK = "COPPER_TEST_AS_USER"
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--bounding-set=+all"]
ENTER = """
set -e
mount -t tmpfs -o mode=755 none "$1"
mknod -m 666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
exec "$@"
"""


def is_root():
    """So a test has still to start itself again."""
    return os.geteuid() == 0 and MARK not in os.environ


def again_as_nobody(**environment):
    """Runs this program as nobody; returns its exit status."""
    with tempfile.TemporaryDirectory(prefix="copper-scenario-") as place:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", place, *AS_NOBODY,
                   "env", "HOME=/nonexistent", f"{MARK}=1", *(f"{name}={value}" for name, value in environment.items()),
                   "/usr/bin/python3", "-B", *sys.argv]
        return subprocess.run(command, check=False).returncode
