"""Mounts a directory through test_source: a source that is slow, counts what it is asked, and misbehaves as a test says."""

import errno
import json
import os
import pathlib
import subprocess

import copper_job

PROGRAM = str(copper_job.BUILD / "tests/test_source")


class SlowSource:
    """`directory` mounted at each of `points` (made if absent). It ends with this process, however that ends."""

    def __init__(self, directory, points, **options):
        self.points = [pathlib.Path(point) for point in points]
        self._command = [PROGRAM, *(f"--{name.replace('_', '-')}={value}" for name, value in options.items()),
                         str(directory), *map(str, self.points)]
        self._process = None

    def start(self):
        for point in self.points:
            point.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         start_new_session=True)
        if self._process.stdout.readline() != "ready\n":
            self.end()
            raise AssertionError(f"could not start: {' '.join(self._command)}")
        return self

    def end(self):
        """Whoever still waits for it gets ENOTCONN."""
        if not self._process:
            return
        self._process.stdin.close()
        try:
            self._process.wait(30 * copper_job.PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        for point in self.points:
            if os.path.ismount(point):
                copper_job.unmount(str(point))

    __enter__ = start

    def __exit__(self, *unused):
        self.end()

    def signal(self, number):
        """To its process: SIGSTOP makes it one that answers nothing, interrupts neither."""
        self._process.send_signal(number)

    def _command_line(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def _obey(self, line):
        if (answer := self._command_line(line)) != "ok":
            raise AssertionError(f"{line}: {answer}")

    def fail(self, operation, pattern, number=errno.EIO, times=-1):
        """Operations on paths of this pattern ("/directory/*") fail; as often as `times` says, or for ever."""
        self._obey(f"fault {operation} error {number} {times} {pattern}")

    def shorten(self, pattern, size, times=-1):
        """Reads give at most so many bytes."""
        self._obey(f"fault read short {size} {times} {pattern}")

    def delay(self, operation, pattern, milliseconds, times=-1):
        self._obey(f"fault {operation} delay {milliseconds} {times} {pattern}")

    def hang(self, operation, pattern, times=-1):
        """Until clear()."""
        self._obey(f"fault {operation} hang 0 {times} {pattern}")

    def clear(self):
        """No more faults; what hangs goes on."""
        self._obey("clear")

    def renumber(self):
        """Every file has another inode number from now on, and is the same file."""
        self._obey("renumber")

    def counters(self):
        """{"operations": {"lookup": 1, ...}, "distinct": {...}, "bytes_read": 1, "most_at_once": 1, "hanging": 0}"""
        return json.loads(self._command_line("counters"))

    def reset(self):
        self._obey("reset")

    def objects(self):
        """(operation, path, piece of 1 MiB) -> how often it was asked for."""
        file = self.points[0].parent / f"{self.points[0].name}.objects"
        self._obey(f"dump {file}")
        lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        file.unlink()
        fields = [line.split("\t", 3) for line in lines]
        return {(operation, path, int(piece)): int(times) for operation, times, piece, path in fields}

    def wait_until_hanging(self, number=1, seconds=10):
        if not copper_job.until(lambda: self.counters()["hanging"] >= number, seconds):
            raise AssertionError(f"{self.counters()['hanging']} operations hang, not {number}")
