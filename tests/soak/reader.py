"""A reader of a soak run: one process, one mount, random operations; every answer is checked.

Prints a JSON object a line for what the runner has to judge: wrong answers, errors, and system calls that were slow.
"""

import contextlib
import errno
import functools
import json
import mmap
import os
import random
import signal
import stat
import sys
import time

from answers import Missing, Seen, Wrong
from board import IN_STALLING, KINDS, NO_ENTRY, Board
from source import KIB, MIB, STALLING, Entry, names_by_directory, plan

SLOW = 1  # seconds: a system call that took longer is reported
WEIGHTS = {"read": 5, "pread": 5, "mmap": 4, "readdir": 2, "stat": 3, "absent": 4, "fstat": 3, "readlink": 2}
CHUNK = MIB


class Dead(Exception):
    """The reader's own rank has been killed."""


class Reader:
    def __init__(self, settings):
        self.mount, self.rank, self.number = settings["mount"], settings["rank"], settings["number"]
        self.rate, self.quiet = settings["rate"], settings["all"]
        self.random = random.Random(f"{settings['seed']}/reader/{self.number}")
        self.entries = plan(settings["seed"])
        self.board = Board(settings["board"], len(self.entries), settings["ranks"], settings["readers"])
        self.directories = names_by_directory(self.entries)
        self.files = [entry for entry in self.entries if entry.kind != "link"]
        self.small = [entry for entry in self.files if entry.size < 8 * KIB]
        self.large = [entry for entry in self.files if entry.size >= MIB]
        self.links = [entry for entry in self.entries if entry.kind == "link"]
        self.copy = os.memfd_create("copy")
        self.longest = dict.fromkeys(KINDS, 0.0)

    # --- System calls, timed.

    def call(self, kind, place, function, *arguments, **options):
        """`place`: an entry, or the path of a directory."""
        board, number = self.board, self.number
        board.asked[number] = KINDS.index(kind) << 32 | self.number_of(place)
        began = board.begun[number] = time.monotonic()
        failure = None
        try:
            return function(*arguments, **options)
        except OSError as caught:
            failure = caught
            raise
        finally:
            ended = time.monotonic()
            board.begun[number] = 0
            self.longest[kind] = max(self.longest[kind], ended - began)
            if failure:
                failure.times = began, ended
            if ended - began > SLOW:
                self.say("slow", kind, place, began, ended, function=function.__name__,
                         result=errno.errorcode.get(failure.errno, "?") if failure else "ok")

    @staticmethod
    def number_of(place):
        if isinstance(place, Entry):
            return place.number
        return IN_STALLING if place.startswith(STALLING) else NO_ENTRY

    def say(self, what, kind, place, began, ended, **more):
        path = place.path if isinstance(place, Entry) else place or ""
        print(json.dumps({"what": what, "rank": self.rank, "reader": self.number, "kind": kind,
                          "path": path, "began": began, "ended": ended, **more}), flush=True)

    def path(self, entry):
        return f"{self.mount}/{entry.path}"

    # --- Operations.

    def any_file(self):
        return self.random.choice(self.random.choices((self.files, self.small, self.large), (6, 3, 1))[0])

    def opened(self, kind, entry, work):
        """Does work(file, seen) with the open file."""
        seen = Seen(self.board, entry)
        try:
            file = self.call(kind, entry, os.open, self.path(entry), os.O_RDONLY)
        except FileNotFoundError:
            return seen.absent()
        try:
            if self.random.random() < 0.5:  # so that the kernel asks again
                os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            return work(file, seen)
        finally:
            os.close(file)

    def read(self):
        entry = self.any_file()
        piece = self.random.choice((4 * KIB, 64 * KIB, 256 * KIB, CHUNK))
        begin = 0 if entry.size < 4 * MIB or self.random.random() < 0.3 else self.random.randrange(entry.size)
        most = self.random.choice((2, 4, 12)) * MIB

        def work(file, seen):
            offset = os.lseek(file, begin, os.SEEK_SET)
            while offset < begin + most:
                found = self.call("read", entry, os.read, file, piece)
                seen.data(offset, found)
                self.board.count(self.number, "bytes", len(found))
                if not found:
                    return
                offset += len(found)
        self.opened("read", entry, work)

    def pread(self):
        entry = self.any_file()

        def work(file, seen):
            for _ in range(self.random.randrange(1, 6)):
                offset = self.random.randrange(entry.size + 1)
                found = self.call("pread", entry, os.pread, file, self.random.choice((1, 100, 5000, 70_000, MIB)), offset)
                seen.data(offset, found)
                self.board.count(self.number, "bytes", len(found))
        self.opened("pread", entry, work)

    def mmap(self):
        entry = self.any_file()

        def work(file, seen):
            size = self.call("mmap", entry, os.fstat, file).st_size
            seen.size(size)
            if not size:
                return
            with mmap.mmap(file, size, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as view:
                for _ in range(self.random.randrange(1, 4)):
                    offset = self.random.randrange(size)
                    self.mapped(entry, seen, view, offset, self.random.choice((1, 5000, 70_000, MIB)))
        self.opened("mmap", entry, work)

    def mapped(self, entry, seen, view, offset, length):
        """Copied by the kernel, whose page faults are those of a process but end with EFAULT where that gets SIGBUS."""
        with view[offset:offset + length] as piece:
            copied = self.call("mmap", entry, os.pwrite, self.copy, piece, 0)
        found = os.pread(self.copy, copied, 0)
        seen.data(offset, found)
        self.board.count(self.number, "bytes", len(found))

    def stat(self):
        entry = self.random.choice(self.entries)
        seen = Seen(self.board, entry)
        try:
            found = self.call("stat", entry, os.lstat, self.path(entry))
        except FileNotFoundError:
            return seen.absent()
        if stat.S_ISLNK(found.st_mode) != (entry.kind == "link"):
            raise Wrong(f"{entry.path}: mode {found.st_mode:o}")
        return seen.size(found.st_size)

    def fstat(self):
        entry = self.any_file()
        self.opened("fstat", entry, lambda file, seen: seen.size(self.call("fstat", entry, os.fstat, file).st_size))

    def readlink(self, entry=None):
        entry = entry or self.random.choice(self.links)
        seen = Seen(self.board, entry)
        target = self.call("readlink", entry, os.readlink, self.path(entry))
        seen.expect(lambda version: entry.target(version) == target, target)

    def readdir(self):
        directory = self.random.choice(list(self.directories))
        looks = {name: entry and Seen(self.board, entry) for name, entry in self.directories[directory].items()}
        names = self.call("readdir", directory, os.listdir, f"{self.mount}/{directory}")
        if len(set(names)) != len(names):
            raise Wrong(f"{directory}: names come twice: {sorted(names)}")
        if strangers := set(names) - set(looks):
            raise Wrong(f"{directory}: {strangers} are not there")
        for name, seen in looks.items():
            if name in names:
                if seen:
                    seen.there()
            elif not seen:
                raise Missing(f"{directory}/{name}: not in the listing")
            else:
                seen.absent()

    def absent(self):
        directory = self.random.choice([*self.directories, "gone", "many/gone/deep", self.random.choice(self.entries).path])
        name = f"{self.mount}/{directory}/absent{self.random.randrange(10**9)}"
        try:
            self.call("absent", directory, os.lstat, name)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            return
        raise Wrong(f"{name} is there")

    # --- Judged here as far as this process knows.

    def step(self, kind, act):
        began = time.monotonic()
        try:
            act()
        except Wrong as wrong:
            if not (self.board.dead[self.rank] and isinstance(wrong, Missing)):
                self.say("wrong", kind, None, began, time.monotonic(), message=str(wrong))
        except OSError as failure:
            self.failed(kind, failure, *getattr(failure, "times", (began, time.monotonic())))
        if self.board.dead[self.rank]:
            raise Dead
        if not self.quiet:
            self.board.count(self.number, kind)
            self.board.count(self.number, "checks")

    def failed(self, kind, failure, began, ended):
        word = self.board.asked[self.number] & 0xFFFFFFFF
        entry = self.entries[word] if word < len(self.entries) else None
        if self.may_be_stale(kind, failure, entry) and not self.quiet:
            return self.board.count(self.number, "stale")
        return self.say("error", kind, entry, began, ended, errno=errno.errorcode.get(failure.errno, str(failure.errno)),
                        name=str(failure.filename or ""))

    def may_be_stale(self, kind, failure, entry):
        stale = (errno.ESTALE, errno.EFAULT) if kind == "mmap" else (errno.ESTALE,)
        return failure.errno in stale and entry and entry.changes

    def run(self):
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        while not self.board.ending[0]:
            kind = self.random.choices(kinds, weights)[0]
            self.step(kind, getattr(self, kind))
            time.sleep(self.random.uniform(0, 2 / self.rate))

    def read_all(self):
        """When all is quiet: every entry is there, whole, in its newest version."""
        for entry in self.entries:
            if entry.kind == "link":
                self.step("readlink", functools.partial(self.readlink, entry))
            else:
                self.step("read", functools.partial(self.opened, "read", entry, functools.partial(self.whole, entry)))

    def whole(self, entry, file, seen):
        offset = 0
        while found := self.call("read", entry, os.read, file, CHUNK):
            seen.data(offset, found)
            offset += len(found)
        seen.data(offset, found)


def handle_signals():
    """Without SA_RESTART: what a system call makes of a signal is seen."""
    for number in (signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)


def main():
    handle_signals()
    settings = json.loads(sys.argv[1])
    reader = Reader(settings)
    with contextlib.suppress(Dead):
        reader.read_all() if reader.quiet else reader.run()  # pylint: disable=expression-not-assigned
    print(json.dumps({"what": "end", "rank": reader.rank, "reader": reader.number, "longest": reader.longest}), flush=True)


if __name__ == "__main__":
    main()
