"""Where a soak run's job lies: a disk that can be frozen for its directory, a file system that can hang in its source."""

import contextlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

# pylint: disable=wrong-import-position
import copper_job
from slow_source import SlowSource
from source import STALLING

DISK_BYTES = 128 << 20


def command(*words):
    done = copper_job.run(*words)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")


class Disk:
    """A disk of its own below a directory, which takes no writes while it is frozen. Only root can have one."""

    def __init__(self, image, point):
        self._point = point
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
        command("mkfs.ext4", "-q", "-m", "0", image)
        point.mkdir()
        command("mount", "-o", "loop", image, point)
        (point / "lost+found").rmdir()

    @contextlib.contextmanager
    def frozen(self):
        command("fsfreeze", "-f", self._point)
        try:
            yield
        finally:
            command("fsfreeze", "-u", self._point)


def job_disk(root, point):
    """Null for who is not root: the job's directory is an ordinary one then."""
    if os.geteuid() == 0:
        return Disk(root / "disk", point)
    point.mkdir()
    return None


def stalling_source(root):
    """Holds what lies in STALLING. Filled before it is started: it is mounted read-only over its own place in the source."""
    return SlowSource(root / "stalling", [root / "source" / STALLING])
