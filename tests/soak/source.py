"""The source of a soak run: which files there are, and which bytes each version of each has.

Everything follows from the run's seed, so that runner and readers agree on it without a word, and every byte that a
reader gets can be checked: a page of a file is a stamp of (path, version, page) and a piece of noise that these choose.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import random
import struct

KIB = 1 << 10
MIB = 1 << 20
PAGE = 4096
_STAMP = struct.Struct("<QQ")
_NOISE_SIZE = MIB
STALLING = "stall"  # a file system of its own, which hangs now and then
_NOISE = random.Random(4096).randbytes(_NOISE_SIZE + PAGE)


def _number(*words):
    return int.from_bytes(hashlib.blake2b(repr(words).encode(), digest_size=8).digest(), "little")


def _page(seed, index):
    shift = (seed + index * 0x9E3779B97F4A7C15 >> 13) % _NOISE_SIZE
    return _STAMP.pack(seed, index) + _NOISE[shift:shift + PAGE - _STAMP.size]


def _bytes(seed, offset, length):
    first = offset // PAGE
    pages = b"".join(_page(seed, index) for index in range(first, (offset + length - 1) // PAGE + 1))
    return pages[offset - first * PAGE:][:length]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A name of the source. Its version 0 is there when the job starts; what `fixed` is has no other."""
    number: int
    path: str
    # fixed; replaced, in_place, cut, restored (in place, and its times set back): by how the next version comes;
    # coming: every other version is absence; link
    kind: str
    size: int

    @functools.lru_cache(maxsize=100_000)
    def seed_of(self, version):
        return _number(self.path, version - version % 2 if self.kind == "cut" else version)

    @functools.lru_cache(maxsize=100_000)
    def size_of(self, version):
        if self.kind == "link":
            return len(self.target(version))
        if self.kind == "cut":
            return self.size // 2 if version % 2 else self.size
        if self.kind in ("replaced", "coming"):
            return max(1, self.size - _number("size", self.path, version) % (self.size // 2 + 1))
        return self.size

    def content(self, version, offset=0, length=None):
        rest = max(0, self.size_of(version) - offset)
        length = rest if length is None else min(length, rest)
        return _bytes(self.seed_of(version), offset, length) if length else b""

    def is_there(self, version):
        return self.kind != "coming" or version % 2 == 0

    def target(self, version):
        return f"to/{self.path}/{version}"

    @property
    def changes(self):
        return self.kind != "fixed"


def plan(seed):
    """The entries of the source, in the order of their numbers: some 125 MiB."""
    choices = random.Random(f"{seed}/plan")
    entries = []

    def add(path, kind, size):
        entries.append(Entry(len(entries), path, kind, size))

    def size(low, high):  # as many of each order of magnitude
        return int(low * (high / low) ** choices.random())

    for directory in range(6):
        for number in range(12):
            add(f"fixed/d{directory}/f{number}", "fixed", size(1, 300 * KIB))
    for number in range(6):
        add(f"fixed/large{number}", "fixed", choices.randrange(MIB, 9 * MIB))
    add("fixed/stripes", "fixed", 20 * MIB + 17)
    for number in range(10):
        add(f"{STALLING}/s{number}", "fixed", size(1, 300 * KIB))
    add(f"{STALLING}/large", "fixed", 3 * MIB + 5)
    for number in range(400):
        add(f"many/name_{number}", "fixed", 100 + number)
    for directory in range(6):
        place = f"mixed/m{directory}"
        for number in range(8):
            add(f"{place}/fixed{number}", "fixed", size(1, 300 * KIB))
            add(f"{place}/replaced{number}", "replaced", size(2, 300 * KIB))
        for number in range(4):
            add(f"{place}/in_place{number}", "in_place", choices.randrange(1, PAGE + 1))
            add(f"{place}/cut{number}", "cut", size(2, 300 * KIB))
            add(f"{place}/coming{number}", "coming", size(2, 20 * KIB))
            add(f"{place}/link{number}", "link", 0)
        add(f"{place}/large", "replaced", choices.randrange(2 * MIB, 10 * MIB))
        add(f"{place}/large_cut", "cut", choices.randrange(2 * MIB, 5 * MIB))
        add(f"{place}/restored", "restored", size(2, 300 * KIB))
        add(f"{place}/large_restored", "restored", choices.randrange(MIB, 4 * MIB))
    return entries


def names_by_directory(entries):
    """directory -> name -> its entry, or None for a directory."""
    found = {"": {}}
    for entry in entries:
        parent, _, name = entry.path.rpartition("/")
        found.setdefault(parent, {})[name] = entry
    for directory in list(found):
        while directory:
            parent, _, name = directory.rpartition("/")
            found.setdefault(parent, {})[name] = None
            directory = parent
    return found


class Source:
    """The directory that holds the entries; `beside` is another one of the same file system, for what is not yet whole."""

    def __init__(self, directory, beside):
        self._directory = pathlib.Path(directory)
        self._new = pathlib.Path(beside) / "new"
        self._link = pathlib.Path(beside) / "link"

    def fill(self, entries):
        for entry in entries:
            (self._directory / entry.path).parent.mkdir(parents=True, exist_ok=True)
            self._replace(entry, 0)

    def write(self, entry, version):
        """Makes version - 1 into this one, at a stroke."""
        path = self._directory / entry.path
        if not entry.is_there(version):
            path.unlink()
        elif entry.kind in ("in_place", "restored"):
            before = path.stat()
            content = entry.content(version)
            file = os.open(path, os.O_WRONLY)
            for offset in range(0, len(content), PAGE):  # no write lasts long enough to be read in its middle
                os.pwrite(file, content[offset:offset + PAGE], offset)
            os.close(file)
            if entry.kind == "restored":
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        elif entry.kind == "cut" and version % 2:
            os.truncate(path, entry.size_of(version))
        else:
            self._replace(entry, version)

    def touch_up(self, entry, how):
        """Changes the entry's ctime and none of its bytes: a hard link comes and goes, another mode."""
        path = self._directory / entry.path
        if how == "link":
            os.link(path, self._link)
            self._link.unlink()
        else:
            path.chmod(0o644 if path.stat().st_mode & 0o77 == 0o40 else 0o640)

    def _replace(self, entry, version):
        if entry.kind == "link":
            os.symlink(entry.target(version), self._new)
        else:
            self._new.write_bytes(entry.content(version))
        os.rename(self._new, self._directory / entry.path)
