#!/usr/bin/env python3
"""Records what a command does with the files below a directory, as a trace for `copper_simulate --workload trace`.

    record.py ROOT OUTPUT -- COMMAND...     # with strace; ROOT becomes / in the trace

What it does there, in order: names that it looks at, directories that it lists, files that it reads (as wholes: a file that
is mapped is fetched whole). The pauses between are its own time on a processor, from a second run without strace, shared out over the
steps as strace saw them.
"""

import os
import re
import stat
import subprocess
import sys
import tempfile

CALL = re.compile(r"^\d+ +(\d+\.\d+) (\w+)\((.*)$")
ABOVE = re.compile(r"^(?:AT_FDCWD|\d+)<([^>]*)>")  # what a relative path begins at
PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
LOOKS = {"newfstatat", "stat", "lstat", "access", "faccessat2", "readlink", "readlinkat", "statx", "execve"}
TRACED = "trace=%file,getdents64"


class Trace:
    """Names, in the order in which they are first used, and steps."""

    def __init__(self, root):
        self._root = os.path.realpath(root)
        self.names = {}  # path below the root -> number
        self.kinds = []
        self.steps = []  # (letter, number, when)

    def _number(self, path, letter, size):
        if path not in self.names:
            self.names[path] = len(self.names)
            self.kinds.append((letter, size, path))
        return self.names[path]

    def _below(self, path):
        """The path in the trace; None for what lies elsewhere. Of an absent one its first absent part."""
        path = os.path.normpath(path)
        if not path.startswith(self._root + "/"):
            return None
        parts = path[len(self._root) + 1 :].split("/")
        for end in range(1, len(parts)):
            if not os.path.lexists("/".join([self._root, *parts[:end]])):
                parts = parts[:end]
                break
        return "/" + "/".join(parts)

    def add(self, call, path, when):
        name = self._below(path)
        if name is None:
            return
        try:
            found = os.stat(self._root + name)
        except OSError:
            self.steps.append(("L", self._number(name, "a", 0), when))
            return
        if stat.S_ISDIR(found.st_mode):
            number = self._number(name, "d", 0)
            self.steps.append(("D" if call == "openat" else "L", number, when))
            return
        is_library = re.search(r"\.so(\.|$)", name) is not None
        number = self._number(name, "l" if is_library else "f", found.st_size)
        self.steps.append(("L", number, when))
        if call in ("openat", "open"):
            self.steps.append(("R", number, when))


def record(root, command):
    with tempfile.NamedTemporaryFile("r") as log:
        subprocess.run(["strace", "-f", "-qq", "-ttt", "-y", "-e", TRACED, "-o", log.name, *command], check=True)
        before = os.times()
        subprocess.run(command, check=True)
        after = os.times()
        took = after.children_user + after.children_system - before.children_user - before.children_system
        trace = Trace(root)
        for line in log:
            call = CALL.match(line)
            path = call and PATH.search(call[3])
            if path and path[1] and (call[2] in LOOKS or call[2] in ("openat", "open")):
                above = ABOVE.search(call[3])
                trace.add(call[2], os.path.join(above[1] if above else "/", path[1]), float(call[1]))
    return trace, took


def write(trace, took, output):
    begin, end = trace.steps[0][2], trace.steps[-1][2]
    scale = took / (end - begin) * 1e6 if end > begin else 0
    with open(output, "w", encoding="utf-8") as out:
        out.write("# kind size path: d directory, f file, l library, a absent; then: L look, D list, R read, its line's number, think us\n")
        for letter, size, path in trace.kinds:
            out.write(f"{letter} {size} {path}\n")
        last = begin
        for letter, number, when in trace.steps:
            out.write(f"{letter} {number} {max(0, round((when - last) * scale))}\n")
            last = when


def main(arguments):
    if len(arguments) < 4 or arguments[2] != "--":
        sys.exit(__doc__)
    trace, took = record(arguments[0], arguments[3:])
    if not trace.steps:
        sys.exit(f"the command used nothing below {arguments[0]}")
    write(trace, took, arguments[1])
    print(f"{len(trace.kinds)} names, {len(trace.steps)} steps in {took:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
