"""Processes and mounts, as /proc tells of them."""

import os
import subprocess
import time
from pathlib import Path

PYTHON = "/usr/bin/python3"  # the one that Debian's packages are made for
LAST_CPU = max(os.sched_getaffinity(0))


def pinned(command):
    """The command on the last processor alone: a micro-benchmark must not wander."""
    return ["taskset", "-c", str(LAST_CPU), *command]


def run_together(commands, environments=None):
    """Starts all commands at once; the seconds until the last has ended. Raises if one fails."""
    environments = environments or [None] * len(commands)
    start = time.monotonic()
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        for command, environment in zip(commands, environments)
    ]
    try:
        codes = [process.wait() for process in running]
        seconds = time.monotonic() - start
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    for command, code in zip(commands, codes):
        if code != 0:
            raise RuntimeError(f"exit status {code}: {' '.join(command)}")
    return seconds


def output_of(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def environment_of(pid):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def threads_of(pid):
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def ticks_of(pid):
    """utime + stime in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
