"""What the runner and the readers of a soak run tell each other all the time: words of shared memory."""

import mmap
import os

KINDS = ("read", "pread", "mmap", "readdir", "stat", "absent", "fstat", "readlink")
COUNTERS = (*KINDS, "bytes", "stale", "checks")
NO_ENTRY, IN_STALLING = 0xFFFFFFFF, 0xFFFFFFFE  # in place of an entry's number: a directory


class Board:
    """One writer for each word; every word is 8 bytes, stored at once."""

    def __init__(self, path, entries, ranks, readers):
        sizes = {"ending": 1, "dead": ranks, "newest": entries, "floor": entries, "begun": readers, "asked": readers,
                 "counters": readers * len(COUNTERS)}
        size = 8 * sum(sizes.values())
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(file, size)
        words = memoryview(mmap.mmap(file, size))
        os.close(file)
        offset = 0
        for name, count in sizes.items():
            setattr(self, name, words[offset:offset + 8 * count].cast("d" if name == "begun" else "Q"))
            offset += 8 * count
        # ending: the readers are to end.  dead: this rank has been, or is just being, killed.
        # newest: no higher version of this entry is in the source yet (set before the source has it).
        # floor: who opens this entry from now on may see no lower version than this.
        # begun: when the system call that this reader waits for began (monotonic), or 0; asked: kind and entry of it.

    def count(self, reader, what, amount=1):
        self.counters[reader * len(COUNTERS) + COUNTERS.index(what)] += amount

    def totals(self):
        """Over all readers."""
        return {name: sum(self.counters[at::len(COUNTERS)].tolist()) for at, name in enumerate(COUNTERS)}
