"""What is measured: a running Copper job, and its rival, mounts that only serve memory. Both leave nothing behind."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from processes import environment_of

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.append(str(BENCH.parent / "scenario"))
import copper_job  # noqa: E402  # the scenarios' own way to run a job; takes the build from COPPER_BUILD_DIR

PATIENCE = 3600  # seconds until a job is taken for hanging and killed


def bench_program(name):
    return str(copper_job.BUILD / "bench" / name)


def make_work_directory():
    """Directly below /tmp: paths through a mount are then as deep as those on the source."""
    return pathlib.Path(tempfile.mkdtemp(prefix="copper-run-", dir="/tmp"))


@dataclass
class Mount:
    """A mount as the kernel's mount table has it."""

    point: str
    connection: int  # minor device number, which trace events and /sys name it by
    options: list

    def read_ahead_file(self):
        return pathlib.Path(f"/sys/class/bdi/0:{self.connection}/read_ahead_kb")

    def read_limits(self):
        """(largest read request in bytes, read-ahead in KiB), both as text."""
        limits = [option.removeprefix("max_read=") for option in self.options if option.startswith("max_read=")]
        return (limits[0] if limits else str(1 << 20)), self.read_ahead_file().read_text()


def mounts_in(directory):
    found = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4].startswith(f"{directory}/"):
            found[fields[4]] = Mount(fields[4], int(fields[2].split(":")[1]), fields[-1].split(","))
    return found


class CopperJob:
    """One Copper job over `target`: `with CopperJob(target) as job`."""

    def __init__(self, target, ranks=4, options=()):
        self._work = make_work_directory()
        self._job = copper_job.Job(self._work, target, ranks, options, mount=f"{self._work}/mount%r",
                                   deadline=PATIENCE, level=None)  # fmt: skip
        self.mounts = [pathlib.Path(point) for point in self._job.mounts]
        self.directory = pathlib.Path(self._job.directory)
        self.seconds_to_ready = None

    def __enter__(self):
        start = time.monotonic()
        try:
            self._job.start()
        except BaseException:
            self.__exit__()
            raise
        self.seconds_to_ready = time.monotonic() - start
        return self

    def __exit__(self, *unused):
        try:
            self._job.end()
        finally:
            shutil.rmtree(self._work)

    def stop(self):
        """Seconds from `copper stop` until every mount and every process is gone."""
        start = time.monotonic()
        stopped = self._job.stop()
        status = self._job.wait_for_end()
        if stopped.returncode != 0 or status != 0:
            raise RuntimeError(f"copper stop: {stopped.returncode} {stopped.stderr}; launcher: {status}")
        if left := self._job.left_behind():
            raise RuntimeError(f"left behind: {left}")
        return time.monotonic() - start

    def processes(self):
        """Daemons, their parents and their mounters."""
        return copper_job.daemons_of(self._work)

    def processes_of(self, rank):
        return [pid for pid in self.processes() if environment_of(pid).get("PMI_RANK") == str(rank)]

    def mount(self, rank):
        return mounts_in(self._work)[str(self.mounts[rank])]

    def live(self, rank, name):
        """One of the small files in `.copper/`, parsed."""
        return json.loads((self.mounts[rank] / ".copper" / name).read_text())

    def status(self):
        return self._job.ask({"verb": "status"})


class MemoryMounts:
    """Four FUSE mounts, each serving a file from its own memory: what FUSE alone can deliver here."""

    def __init__(self, size, read_limits, count=4):
        max_read, self._read_ahead = read_limits
        self._arguments = [str(size), max_read]
        self._work = make_work_directory()
        self.mounts = [self._work / f"mount{i}" for i in range(count)]
        self._servers = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        for mount in self.mounts:
            mount.mkdir()
            command = [bench_program("memory_server"), mount, *self._arguments]
            self._servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
        for server in self._servers:
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("memory_server did not start")
        for mount in mounts_in(self._work).values():
            if mount.read_ahead_file().read_text() != self._read_ahead:
                mount.read_ahead_file().write_text(self._read_ahead)

    def __exit__(self, *unused):
        try:
            for server in self._servers:
                server.terminate()
            for server in self._servers:
                server.wait(timeout=30)
                server.stdout.close()
        finally:
            for point in mounts_in(self._work):
                copper_job.unmount(point)
            shutil.rmtree(self._work)

