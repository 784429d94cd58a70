"""Runs real Copper jobs for the scenarios: starts ranks in a directory of their own, asks, stops, and looks for what is left.

A scenario derives from Scenario and starts jobs with self.start(...). When a test ends, however it ends, its jobs are
stopped, and a process, a mount or a mount point that is left behind fails the test (and is removed).
"""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

BUILD = pathlib.Path(os.environ.get("COPPER_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/dev"))
CU_FUSE = str(BUILD / "bin/cu_fuse")
COPPER = str(BUILD / "bin/copper")
# Sanitizers make everything several times slower.
PATIENCE = float(os.environ.get("COPPER_TEST_PATIENCE", "1"))


def until(condition, seconds, pause=0.02):
    """The condition's first true value, or its last value when the time is over."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


def run(*command, timeout=60, **options):
    """Runs a command to its end; output as text."""
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout * PATIENCE, check=False, **options)


def mounts_below(root):
    """Mount points under `root`, as the kernel has them, innermost first."""
    points = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        for line in table:
            point = line.split()[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
            if point.startswith(f"{root}/"):
                points.append(point)
    return points[::-1]


def stat_fields(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def identity(pid):
    """A process as (pid, start time): pids are used again. None if it is gone, or has ended and waits for its parent."""
    try:
        fields = stat_fields(pid)
    except OSError:
        return None
    return None if fields[0] in "ZX" else (pid, fields[19])


def children():
    """parent pid -> pids"""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.setdefault(int(stat_fields(name)[1]), []).append(int(name))
        except OSError:
            pass
    return found


def descendants(pid):
    tree, found, todo = children(), [], [pid]
    while todo:
        below = tree.get(todo.pop(), [])
        found += below
        todo += below
    return found


def daemons_of(root):
    """pids of cu_fuse processes (daemons and mounters) whose command line names a path under `root`."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = pathlib.Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == b"cu_fuse" and any(os.fsencode(f"{root}/") in word for word in words):
            found.append(int(name))
    return found


def unmount(point):
    """As root umount, else fusermount3; lazily, since what is left may hang."""
    command = ["umount", "-l", point] if os.geteuid() == 0 else ["fusermount3", "-u", "-z", point]
    return run(*command)


class Job:
    """One Copper job: `ranks` nodes on this machine, with mounts <root>/mnt/<rank> and the job directory <root>/job."""

    def __init__(self, root, target, ranks=4, options=(), environment=None, mount=None, deadline=90, level=4,
                 survive=False):
        self.root = str(root)
        self.ranks = ranks
        self.directory = f"{root}/job"
        self.mounts = [(mount or f"{root}/mnt/%r").replace("%r", str(rank)) for rank in range(ranks)]
        self.expired = False
        self.has_stopped = False  # then its launcher is on its way out
        self._recorded = set()
        self.survive = survive  # the loss of a rank: the launcher is told not to end the others
        flags = ["-disable-auto-cleanup"] if survive else []
        command = ["mpiexec", *flags, "-n", str(ranks), CU_FUSE, "--mount", mount or f"{root}/mnt/%r", "--target", str(target),
                   "--log-output-dir", self.directory]
        if level is not None:
            command += ["--log-level", str(level)]
        self.command = command + [str(option) for option in options]
        self.environment = environment
        self._output = open(f"{root}/launcher.txt", "w+", encoding="utf-8", errors="replace")
        self._watchdog = threading.Timer(deadline * PATIENCE, self._expire)
        self._watchdog.daemon = True
        self.launcher = None

    def start(self):
        self.has_stopped = False
        os.makedirs(os.path.dirname(self.mounts[0]), exist_ok=True)
        self.launcher = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output,
                                         env=self.environment, start_new_session=True)
        self._watchdog.start()
        waited = self.copper("wait", self.directory, "--timeout", 30 * PATIENCE)
        self.record()
        if waited.returncode != 0:
            raise AssertionError(f"the job did not get ready: {waited.stdout}{waited.stderr}\n{self.last_words()}")
        return self

    def copper(self, *words, timeout=60):
        done = run(COPPER, *words, timeout=timeout)
        self.has_stopped = self.has_stopped or (words[0] == "stop" and done.returncode == 0)
        return done

    def record(self):
        """Notes every process of the job, to look for it at the end."""
        for pid in [self.launcher.pid, *descendants(self.launcher.pid), *daemons_of(self.root)]:
            if found := identity(pid):
                self._recorded.add(found)

    def alive(self):
        return [pid for pid, start in self._recorded if identity(pid) == (pid, start)]

    def daemon(self, rank):
        """pid of a rank's daemon (not of its mounter)."""
        return json.loads(pathlib.Path(f"{self.directory}/logs/ready.json").read_text())["pids"][rank]

    def signal(self, rank, number):
        """Sends a signal to a rank's daemon, unless that has gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.daemon(rank), number)

    def ask(self, request, timeout=30):
        """What the job answers to a request in its control directory."""
        base = f"{self.directory}/control/{uuid.uuid4().hex}"
        pathlib.Path(f"{base}.part").write_text(json.dumps(request))
        os.rename(f"{base}.part", f"{base}.request")
        answer = pathlib.Path(f"{base}.answer")
        if not until(answer.exists, timeout):
            raise AssertionError(f"no answer to {request}\n{self.last_words()}")
        found = json.loads(answer.read_text())
        answer.unlink()
        return found

    def status(self):
        """What every rank says of itself, and the sums over all."""
        answer = self.ask({"verb": "status"})
        if not answer["ok"] or answer["status"]["totals"]["unreachable"]:
            raise AssertionError(f"some ranks did not answer: {answer}\n{self.last_words()}")
        return answer["status"]

    def total(self, name):
        """A counter, over all ranks."""
        return self.status()["totals"]["events"][name]

    def stop(self):
        return self.copper("stop", self.directory, "--timeout", 30 * PATIENCE)

    def wait_for_end(self, seconds=30):
        """The launcher's exit status, or None while it runs."""
        until(lambda: self.launcher.poll() is not None, seconds)
        return self.launcher.poll()

    def left_behind(self, seconds=10):
        """What should be gone by now: processes, mounts, mount points. Waits a little for what is on its way out."""
        self.record_strays()

        def left():
            found = [f"process {pid}: {self.describe(pid)}" for pid in self.alive()]
            found += [f"mount {point}" for point in mounts_below(self.root)]
            found += [f"mount point {point}" for point in self.mounts if os.path.lexists(point)]
            return found
        until(lambda: not left(), seconds)
        return left()

    def record_strays(self):
        for pid in daemons_of(self.root):
            if found := identity(pid):
                self._recorded.add(found)

    @staticmethod
    def describe(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") + " in state " + stat_fields(pid)[0]
        except OSError:
            return "gone"

    def logs(self):
        """Where each rank that has said anything says it."""
        return sorted(pathlib.Path(f"{self.directory}/logs").glob("*-output.log"))

    def logged(self, pattern, ranks=1, seconds=10):
        """Of each rank that has any, its lines in which `pattern` is found; waits until that many ranks have, since logs have a
        thread of their own: who reads may have its answer before."""
        found = []

        def enough():
            logs = [log.read_text(errors="replace").splitlines() for log in self.logs()]
            found[:] = filter(None, ([line for line in log if re.search(pattern, line)] for log in logs))
            return len(found) >= ranks
        until(enough, seconds)
        return found

    def last_words(self):
        """What the launcher and every rank said last."""
        self._output.flush()
        texts = [f"launcher: {pathlib.Path(f'{self.root}/launcher.txt').read_text(errors='replace')[-2000:]}"]
        for log in self.logs():
            texts.append(f"{log.name}: " + "\n  ".join(log.read_text(errors="replace").splitlines()[-8:]))
        return "\n".join(texts)

    def end(self):
        """Stops what still runs; raises if anything is left, and removes it."""
        try:
            running = self.launcher and self.launcher.poll() is None and not self.has_stopped
            stopped = self.stop() if running and not self.expired else None
            status = self.wait_for_end() if self.launcher else 0
            left = self.left_behind()
            if self.expired:
                raise AssertionError(f"the job was killed: its test took too long\n{self.last_words()}")
            if stopped and (stopped.returncode != 0 or status != 0):
                raise AssertionError(f"stop: {stopped.returncode} {stopped.stdout}{stopped.stderr}; launcher: {status}\n"
                                     f"{self.last_words()}")
            if left:
                raise AssertionError("left behind: " + "\n  ".join(left) + f"\n{self.last_words()}")
        finally:
            self._watchdog.cancel()
            self.kill()
            self._output.close()

    def kill(self):
        """Whatever is left of this job goes: for cleaning up after a failure."""
        self.record_strays()
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.launcher:
            self.launcher.wait()
        for point in mounts_below(self.root):
            unmount(point)

    def _expire(self):
        self.expired = True
        print("the test takes too long: killing its job", file=sys.stderr)
        self.kill()


class Scenario(unittest.TestCase):
    """A test with a directory of its own, a source in it, and jobs that end with it."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="copper-scenario-", dir="/tmp"))
        self.addCleanup(self._remove_root)
        self.source = self.root / "source"
        self.source.mkdir()

    def _remove_root(self):
        for point in mounts_below(self.root):
            unmount(point)
        # What a test made unreadable must still go.
        run("chmod", "-R", "u+rwX", self.root)
        shutil.rmtree(os.fsencode(self.root))

    def start(self, ranks=4, target=None, **settings):
        place = self.root / f"job-{uuid.uuid4().hex[:6]}"
        place.mkdir()
        job = Job(place, target or self.source, ranks, **settings)
        self.addCleanup(job.end)
        return job.start()

    def write(self, name, content=b"", mode=None):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if mode is not None:
            path.chmod(mode)
        return path

    def assert_errno(self, number, call, *arguments, **options):
        with self.assertRaises(OSError, msg=f"{call.__name__}{arguments}") as caught:
            call(*arguments, **options)
        self.assertEqual(os.strerror(number), os.strerror(caught.exception.errno), f"{call.__name__}{arguments}")


def host():
    return socket.gethostname().partition(".")[0]


def main():
    unittest.main(verbosity=2, argv=sys.argv)
