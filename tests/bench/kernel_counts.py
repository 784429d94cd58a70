"""What the kernel counts by itself (tracefs histogram triggers), whatever the daemons say of themselves."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

FUSE_REQUESTS = ("events/fuse/fuse_request_send", "hist:keys=connection,opcode.hex")
READS = ("events/syscalls/sys_exit_pread64", "hist:keys=common_pid:vals=ret if ret > 0")
LISTINGS = ("events/syscalls/sys_exit_getdents64", "hist:keys=common_pid if ret == 0")  # 0: the end of a listing

OPCODES = {1: "lookup", 2: "forget", 3: "getattr", 5: "readlink", 14: "open", 15: "read", 17: "statfs", 18: "release",
           22: "getxattr", 23: "listxattr", 25: "flush", 26: "init", 27: "opendir", 28: "readdir", 29: "releasedir",
           34: "access", 36: "interrupt", 39: "ioctl", 42: "batch_forget", 44: "readdirplus", 46: "lseek"}  # fmt: skip
ENTRY = re.compile(r"\{(?P<keys>[^}]*)\}(?P<values>.*)")
FIELD = re.compile(r"(\w+):\s*(\w+)")


def _fields(text):
    return {name: int(value, 16 if value.startswith("0x") else 10) for name, value in FIELD.findall(text)}


class KernelCounts:
    """Counts one kind of event from entry to exit, in a trace instance of its own."""

    def __init__(self, event):
        self._event, self._trigger = event
        self._mounted = None

    def __enter__(self):
        self._mounted = tempfile.mkdtemp(prefix="copper-tracefs-")
        try:
            subprocess.run(["mount", "-t", "tracefs", "tracefs", self._mounted], check=True)
            self._instance = Path(self._mounted, "instances", f"copper-bench-{os.getpid()}-{Path(self._event).name}")
            self._instance.mkdir()
            self._write(self._trigger)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        instance = getattr(self, "_instance", None)
        if instance and instance.exists():
            self._write("!" + self._trigger)
            instance.rmdir()
        subprocess.run(["umount", self._mounted], check=False)
        os.rmdir(self._mounted)

    def _write(self, trigger):
        (self._instance / self._event / "trigger").write_text(trigger)

    def entries(self):
        """(keys, values) of each entry so far."""
        text = (self._instance / self._event / "hist").read_text()
        return [(_fields(match["keys"]), _fields(match["values"])) for match in ENTRY.finditer(text)]

    def requests(self, connection):
        """Operation -> number of requests that the mount with this connection number has sent."""
        return {
            OPCODES.get(keys["opcode"], str(keys["opcode"])): values["hitcount"]
            for keys, values in self.entries()
            if keys["connection"] == connection
        }

    def total(self, threads, value="hitcount"):
        return sum(values[value] for keys, values in self.entries() if keys["common_pid"] in threads)
