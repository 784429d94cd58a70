"""What the kernel itself says happened (trace events), whatever the daemons say of themselves.

The events go to the ring buffer of a trace instance of our own; histogram triggers would be less work, but not every
kernel has them.
"""

import os
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

# Event, filter, and what to take from each line: a key to count under, and a number to add up.
FUSE_REQUESTS = ("fuse/fuse_request_send", "", re.compile(r"connection (\d+) req \d+ opcode \d+ \(FUSE_(\w+)\)"))
READS = ("syscalls/sys_exit_pread64", "ret > 0", re.compile(r"-(\d+) +\[.*-> 0x([0-9a-f]+)"))
LISTINGS = ("syscalls/sys_exit_getdents64", "ret == 0", re.compile(r"-(\d+) +\[.*-> 0x(0)"))  # the end of a listing

BUFFER_KB = 32768  # per processor: some 400,000 events


class KernelCounts:
    """Records one kind of event from entry to exit: `with KernelCounts(READS) as counts`."""

    def __init__(self, kind):
        self._event, self._filter, self._pattern = kind
        self._mounted = None
        self._instance = None

    def __enter__(self):
        self._mounted = tempfile.mkdtemp(prefix="copper-tracefs-")
        try:
            subprocess.run(["mount", "-t", "tracefs", "tracefs", self._mounted], check=True)
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        instance = Path(self._mounted, "instances", f"copper-bench-{os.getpid()}-{Path(self._event).name}")
        instance.mkdir()
        self._instance = instance
        (instance / "buffer_size_kb").write_text(str(BUFFER_KB))
        event = instance / "events" / self._event
        if self._filter:
            (event / "filter").write_text(self._filter)
        (event / "enable").write_text("1")

    def __exit__(self, *unused):
        if self._instance:
            self._instance.rmdir()
        if os.path.ismount(self._mounted):
            subprocess.run(["umount", self._mounted], check=True)
        os.rmdir(self._mounted)

    def _matches(self):
        for statistics in self._instance.glob("per_cpu/cpu*/stats"):
            if "\noverrun: 0\n" not in statistics.read_text():
                raise RuntimeError(f"more {self._event} events than the trace buffer holds")
        with open(self._instance / "trace", errors="replace") as trace:
            yield from filter(None, map(self._pattern.search, trace))

    def requests(self, connection):
        """Operation -> how many requests the mount with this connection number has sent so far."""
        number = str(connection)
        return dict(Counter(match[2].lower() for match in self._matches() if match[1] == number))

    def calls(self, threads):
        return sum(int(match[1]) in threads for match in self._matches())

    def bytes_read(self, threads):
        return sum(int(match[2], 16) for match in self._matches() if int(match[1]) in threads)
