"""A running Copper job, and its rival: mounts that only serve memory. Both leave nothing behind."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from processes import environment_of, mounts_below, pids_with_argument, program_of, wait_until


class WorkDirectory:
    """Directly below /tmp: paths through a mount are then as deep as those on the source."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="copper-run-", dir="/tmp"))

    def remove(self):
        for mount in mounts_below(self.path):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.path)


class CopperJob:
    """One Copper job over `target` with `ranks` mounts: `with CopperJob(...) as job`."""

    def __init__(self, programs, target, ranks=4, options=()):
        self.ranks = ranks
        self._copper = programs / "bin" / "copper"
        self._work = WorkDirectory()
        self.directory = self._work.path / "job"
        self._command = ["mpiexec", "-n", str(ranks), str(programs / "bin" / "cu_fuse"),
                         "--mount", f"{self._work.path}/mount%r", "--target", str(target),
                         "--log-output-dir", str(self.directory), *options]  # fmt: skip
        self._launcher = None
        self.seconds_to_ready = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        start = time.monotonic()
        # A session of its own: Ctrl-C is for the benchmark, which then stops the job in order.
        self._launcher = subprocess.Popen(self._command, start_new_session=True, stdin=subprocess.DEVNULL)
        subprocess.run([self._copper, "wait", self.directory, "--timeout", "120"], check=True, stdout=subprocess.DEVNULL)
        self.seconds_to_ready = time.monotonic() - start
        self.mounts = [self._work.path / f"mount{rank}" for rank in range(self.ranks)]

    def __exit__(self, *unused):
        try:
            if self._launcher and self._launcher.poll() is None:
                self._end()
        finally:
            self._work.remove()

    def _end(self):
        try:
            self.stop()
        except (subprocess.SubprocessError, TimeoutError) as error:
            print(f"copper stop failed ({error}); ending the job by signal", flush=True)
            self._launcher.send_signal(signal.SIGTERM)
            try:
                self._launcher.wait(timeout=15)
            except subprocess.TimeoutExpired:
                for pid in [self._launcher.pid, *self.processes()]:
                    os.kill(pid, signal.SIGKILL)
                self._launcher.wait()

    def processes(self):
        """Daemons and mounters."""
        return [pid for pid in pids_with_argument(str(self.directory)) if program_of(pid) == "cu_fuse"]

    def processes_of_rank(self, rank):
        return [pid for pid in self.processes() if environment_of(pid).get("PMI_RANK") == str(rank)]

    def connection(self, rank):
        """The mount's connection number, as the kernel's trace events have it."""
        return mounts_below(self._work.path)[str(self.mounts[rank])][0]

    def read_limits(self):
        """(largest read request, read-ahead) in bytes, as the kernel has them for the first mount."""
        minor, options = mounts_below(self._work.path)[str(self.mounts[0])]
        limits = [int(option[9:]) for option in options.split(",") if option.startswith("max_read=")]
        ahead = int(Path(f"/sys/class/bdi/0:{minor}/read_ahead_kb").read_text()) * 1024
        return (limits[0] if limits else 1 << 20), ahead

    def live(self, rank, name):
        """One of the small files in `.copper/`, parsed."""
        return json.loads((self.mounts[rank] / ".copper" / name).read_text())

    def status(self):
        command = [self._copper, "status", self.directory, "--json"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def stop(self):
        """Seconds from `copper stop` until every mount and every process is gone."""
        watched = [*self.processes(), self._launcher.pid]
        start = time.monotonic()
        subprocess.run([self._copper, "stop", self.directory], check=True, stdout=subprocess.DEVNULL, timeout=120)
        self._launcher.wait(timeout=30)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in watched), 10, "end of all processes")
        wait_until(lambda: not mounts_below(self._work.path), 10, "end of all mounts")
        return time.monotonic() - start


class MemoryMounts:
    """Four FUSE mounts, each serving a file from its own memory: what FUSE alone can deliver here."""

    def __init__(self, programs, size, max_read, read_ahead, count=4):
        self._work = WorkDirectory()
        self._program = programs / "bench" / "memory_server"
        self._arguments = [str(size), str(max_read)]
        self._read_ahead = read_ahead
        self.mounts = [self._work.path / f"mount{i}" for i in range(count)]
        self._servers = []

    def __enter__(self):
        try:
            for mount in self.mounts:
                mount.mkdir()
                command = [self._program, mount, *self._arguments]
                self._servers.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
            for server in self._servers:
                if server.stdout.readline() != b"ready\n":
                    raise RuntimeError("memory_server did not start")
            self._set_read_ahead()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _set_read_ahead(self):
        """The same read-ahead as Copper's mounts, which root may have raised."""
        for minor, _ in mounts_below(self._work.path).values():
            setting = Path(f"/sys/class/bdi/0:{minor}/read_ahead_kb")
            if int(setting.read_text()) * 1024 != self._read_ahead:
                setting.write_text(str(self._read_ahead // 1024))

    def __exit__(self, *unused):
        try:
            for server in self._servers:
                server.terminate()
            for server in self._servers:
                server.wait(timeout=30)
                server.stdout.close()
        finally:
            self._work.remove()
