"""What happens to the job of a soak run while it is read: its source changes and is refreshed, ranks freeze and are killed.

Each disturbance is a thread with random choices of its own, which follow from the run's seed.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import copper_job
import half_messages
from source import STALLING
from spans import Spans


class Disturbance(threading.Thread):
    def __init__(self, name, soak):
        super().__init__(name=name, daemon=True)
        self.soak = soak
        self.random = random.Random(f"{soak.seed}/{name}")
        self.failure = None

    def run(self):
        try:
            self.disturb()
        except Exception as failure:  # pylint: disable=broad-exception-caught
            self.failure = f"{self.name}: {type(failure).__name__}: {failure}"

    def pause(self, low, high):
        """False when the run is over."""
        return not self.soak.over.wait(self.random.uniform(low, high))


class Writer(Disturbance):
    """Changes the source: `written` is what it has by now, entry by entry."""

    def __init__(self, soak):
        super().__init__("writer", soak)
        changing = [entry for entry in soak.entries if entry.changes]
        self.small = [entry for entry in changing if entry.size < 1 << 20]
        self.large = [entry for entry in changing if entry.size >= 1 << 20]
        self.written = [0] * len(soak.entries)
        self.changes = 0

    def disturb(self):
        while self.pause(0.05, 0.4):
            entry = self.random.choice(self.large if self.random.random() < 0.04 else self.small)
            version = self.written[entry.number] + 1
            self.soak.board.newest[entry.number] = version  # first: readers may be quicker
            self.soak.source.write(entry, version)
            self.written[entry.number] = version
            self.changes += 1


class Refresher(Disturbance):
    """`copper refresh` of files, directories and everything, by the job directory or any mount."""

    LONGEST = 40
    TELLING = 10  # seconds: most of what a rank has for it
    HELD_UP = 5  # seconds: so much later than what hangs a kernel may still be told of names there

    def __init__(self, soak):
        super().__init__("refresher", soak)
        self.complete = 0
        self.incomplete = 0
        self.longest = 0
        self.complaints = []

    def disturb(self):
        while self.pause(0.2, 2):
            kind = self.random.choices(("file", "directory", "all"), (6, 5, 1))[0]
            changing = [entry for entry in self.soak.entries if entry.changes]
            path = self.random.choice(changing).path
            path = {"file": path, "directory": path.rpartition("/")[0], "all": ""}[kind]
            order = self.random.sample(range(self.soak.ranks), self.soak.ranks)
            self.refresh(path, None if self.random.random() < 0.2 else order)

    def refresh(self, path, order=None):
        """By the mount of the first in `order` that is well, or by the job directory. True if every living rank was reached."""
        soak = self.soak
        leader = next((rank for rank in order or () if soak.is_well(rank)), None)
        place = soak.job.directory if leader is None else soak.job.mounts[leader]
        written = list(soak.writer.written)  # before: what the source has when the refresh begins is seen after it
        began = time.monotonic()
        try:
            done = copper_job.run(copper_job.COPPER, "refresh", place, f"/{path}", timeout=self.LONGEST)
        except subprocess.TimeoutExpired:
            self.judge(path, place, leader, began, None, {"no answer"}, set())
            return False
        self.longest = max(self.longest, time.monotonic() - began)
        return self.judge(path, place, leader, began, done, *self.raise_floors(path, written, done))

    def raise_floors(self, path, written, done):
        """(living ranks that did not answer, those whose kernels can't be told yet); if there are none, the versions before are over."""
        soak = self.soak
        silent, held_up = (self.ranks_behind(words, done.stderr) for words in ("no answer from", "on"))
        if done.returncode != 0 and not silent | held_up:
            return {done.stderr.strip() or f"status {done.returncode}"}, set()
        silent -= set(soak.killed)
        if not silent | held_up:
            for entry in soak.entries:
                if f"/{entry.path}/".startswith(f"/{path}/" if path else "/"):
                    soak.board.floor[entry.number] = max(soak.board.floor[entry.number], written[entry.number])
        return silent, held_up

    @staticmethod
    def ranks_behind(words, text):
        said = re.search(rf"; {words} rank (\d+(?:, \d+)*)", text)
        return {int(rank) for rank in said[1].split(",")} if said else set()

    def judge(self, path, place, leader, began, done, silent, held_up):
        if not silent | held_up:
            self.complete += 1
            return True
        self.incomplete += 1
        ended = time.monotonic()
        soak = self.soak
        # A refresh need not reach who is frozen, and its leader may itself be frozen or killed.
        excused = leader is not None and (soak.was_frozen(leader, began, ended) or leader in soak.killed)
        excused |= leader is None and any(soak.was_frozen(rank, began, ended) for rank in range(soak.ranks))
        well = {rank for rank in silent if not isinstance(rank, int) or not soak.was_frozen(rank, began, ended)}
        if well and not excused and not self.stalled(path, began, ended) > self.TELLING:
            self.complain(path, place, began, ended, f"missed {well}", done)
        if held_up and not self.may_hang(path, began - self.HELD_UP, ended):
            self.complain(path, place, began, ended, f"was held up on {held_up}", done)
        return False

    def complain(self, path, place, began, ended, what, done):
        self.complaints.append(f"refresh of /{path} by {place} after {ended - began:.1f} s {what} {done.stderr if done else ''}")

    def stalled(self, path, began, ended):
        """For how long the source stalled that it concerns: a reader who waits for a name there keeps the directory locked."""
        concerns_it = f"{STALLING}/".startswith(f"{path}/" if path else "")
        return self.soak.staller.stalls.overlap(STALLING, began, ended) if concerns_it else 0

    def may_hang(self, path, began, ended):
        """Whether somebody may have waited for a name in it: for the source, or for a rank that is frozen."""
        frozen = any(self.soak.was_frozen(rank, began, ended) for rank in range(self.soak.ranks))
        return frozen or self.stalled(path, began, ended) > 0


class Freezer(Disturbance):
    """SIGSTOP for a while, of one rank or of two."""

    def __init__(self, soak):
        super().__init__("freezer", soak)
        self.spans = Spans()  # by rank

    @property
    def freezes(self):
        return self.spans.all

    def disturb(self):
        while self.pause(2, 8):
            order = self.random.sample(range(self.soak.ranks), self.soak.ranks)
            seconds = self.random.uniform(*self.random.choice(((0.05, 1), (1, 3), (3, 6))))
            count = self.random.choice((1, 1, 1, 2))
            ranks = [rank for rank in order if rank not in self.soak.killed][:count]
            with self.spans.lasting(*ranks):
                try:
                    for rank in ranks:
                        self.soak.signal(rank, signal.SIGSTOP)
                    self.soak.over.wait(seconds)
                finally:
                    for rank in ranks:
                        self.soak.signal(rank, signal.SIGCONT)

    def overlap(self, rank, began, ended):
        return self.spans.overlap(rank, began, ended)


class Toucher(Disturbance):
    """Hard links and modes of files whose bytes stay: nobody who reads them may notice."""

    def __init__(self, soak):
        super().__init__("toucher", soak)
        self.fixed = [entry for entry in soak.entries if entry.kind == "fixed" and not entry.path.startswith(STALLING)]
        self.touches = 0

    def disturb(self):
        while self.pause(0.1, 1):
            self.soak.source.touch_up(self.random.choice(self.fixed), self.random.choice(("link", "mode")))
            self.touches += 1


class Signaller(Disturbance):
    """Signals that readers handle or ignore, and SIGSTOP with SIGCONT: none of them may be seen in an answer."""

    NUMBERS = (signal.SIGALRM, signal.SIGCHLD, signal.SIGWINCH, signal.SIGUSR1, signal.SIGURG)

    def __init__(self, soak):
        super().__init__("signaller", soak)
        self.sent = 0
        self.stops = Spans()  # by reader

    def disturb(self):
        while self.pause(0.02, 0.3):
            reader = self.random.choice(self.soak.readers)
            if self.random.random() < 0.1:
                self.stop(reader, self.random.uniform(0.01, 1))
            else:
                self.send(reader, self.random.choice(self.NUMBERS))

    def send(self, reader, number):
        reader.process.send_signal(number)  # (which does nothing once it has ended)
        self.sent += 1

    def stop(self, reader, seconds):
        with self.stops.lasting(reader.number):
            self.send(reader, signal.SIGSTOP)
            try:
                self.soak.over.wait(seconds)
            finally:
                self.send(reader, signal.SIGCONT)


class Staller(Disturbance):
    """A file system of the source hangs for a while: its readers wait as long, and nobody else."""

    def __init__(self, soak):
        super().__init__("staller", soak)
        self.stalls = Spans()  # by STALLING

    def disturb(self):
        while self.pause(3, 15):
            with self.stalls.lasting(STALLING):
                self.soak.stalling.hang("any", "*")
                try:
                    self.soak.over.wait(self.random.uniform(*self.random.choice(((0.1, 2), (5, 20)))))
                finally:
                    self.soak.stalling.clear()


class Loader(Disturbance):
    """Two processes that spin, for some seconds of every ten or so."""

    SPIN = "import time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: pass"

    def __init__(self, soak):
        super().__init__("loader", soak)
        self.spun = 0

    def disturb(self):
        while self.pause(5, 20):
            seconds = self.random.uniform(1, 6)
            spinning = [subprocess.Popen([sys.executable, "-c", self.SPIN.format(seconds)]) for _ in range(2)]
            for process in spinning:
                process.wait()
            self.spun += seconds


class HalfMessages(Disturbance):
    """Connections to a rank's port that begin a message and say no more: short ones, and chunks that stop half way."""

    def __init__(self, soak):
        super().__init__("half messages", soak)
        self.begun = 0

    def disturb(self):
        held = half_messages.Held()
        while self.pause(5, 30):
            rank = self.random.randrange(self.soak.ranks)
            sizes = self.random.choice(((145, 100), (145, 0), (1 << 20, 1 << 16)))
            try:
                self.begin(held, rank, self.random.randrange(1, 64), sizes)
                self.soak.over.wait(self.random.uniform(0.5, 10))
            finally:
                held.close()

    def begin(self, held, rank, count, sizes):
        try:
            held.hold(self.soak.addresses[rank], count, *sizes)
            self.begun += count
        except OSError as failure:  # of a rank that was killed, or of one that is frozen and takes no more
            if self.soak.is_well(rank):
                raise AssertionError(f"rank {rank} is well, and takes no connections: {failure}") from failure


class JobDirectoryFreezer(Disturbance):
    """The job directory's file system takes no writes for a while: logs and requests to the job wait, readers do not."""

    def __init__(self, soak):
        super().__init__("job directory", soak)
        self.freezes = Spans()  # by "job"

    def disturb(self):
        while self.soak.job_disk and self.pause(10, 40):
            with self.freezes.lasting("job"), self.soak.job_disk.frozen():
                self.soak.over.wait(self.random.uniform(0.5, 6))


class Killer(Disturbance):
    """SIGKILL: a root, an inner node and a leaf of the job's own tree, in any order, in the middle half of the run."""

    GONE = 15  # seconds until the mount of a killed rank is gone

    def __init__(self, soak, kills):
        super().__init__("killer", soak)
        roles = [[0], [1, 2, 3], [4, 5, 6, 7]]
        self.random.shuffle(roles)
        self.victims = [self.random.choice(role) for role in roles[:kills]]
        self.times = [(0.2 + 0.4 * (number + self.random.random()) / max(1, kills)) * soak.seconds for number in range(kills)]
        self.complaints = []

    def disturb(self):
        for victim, when in zip(self.victims, self.times):
            if self.soak.over.wait(max(0, self.soak.began + when - time.monotonic())):
                return
            self.soak.killed[victim] = time.monotonic()
            self.soak.board.dead[victim] = 1
            self.soak.signal(victim, signal.SIGKILL)
            mount = self.soak.job.mounts[victim]
            if not copper_job.until(lambda m=mount: m not in copper_job.mounts_below(self.soak.job.root), self.GONE):
                self.complaints.append(f"the mount of rank {victim}, which was killed, is still there after {self.GONE} s")


class HelperKiller(Disturbance):
    """SIGKILL of mounters: nobody may notice, until the rank ends and unmounts without one, as root alone can.

    Of ranks that are not killed themselves: with its daemon and its mounter a rank leaves a dead mount. So it is, too, where
    the run ends with a killed `copper-parent`, which under Hydra is the end of all daemons.
    """

    def __init__(self, soak):
        super().__init__("helpers", soak)
        self.ends_by_parent = {None: self.random.random() < 0.25, "parent": True, "stop": False}[soak.options.end]
        others = [rank for rank in range(soak.ranks) if rank not in soak.killer.victims]
        self.victims = self.random.sample(others, 2) if os.geteuid() == 0 and not self.ends_by_parent else []
        self.killed = []

    def disturb(self):
        for victim in self.victims:
            if not self.pause(0.05 * self.soak.seconds, 0.4 * self.soak.seconds):
                return
            self.kill(victim, copper_job.children().get(self.soak.pids[victim], []), "copper-mounter")

    def kill_parent(self):
        """Of a rank that lives."""
        victim = self.random.choice(self.soak.living())
        self.kill(victim, [int(copper_job.stat_fields(self.soak.pids[victim])[1])], "copper-parent")

    def kill(self, rank, candidates, name):
        """The one of this name."""
        found = []
        for pid in candidates:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                found += [pid] if comm.read().strip() == name else []
        if len(found) != 1:
            raise AssertionError(f"rank {rank} has {len(found)} processes {name}")
        os.kill(found[0], signal.SIGKILL)
        self.killed.append(f"{name} of rank {rank} after {time.monotonic() - self.soak.began:.0f} s")


class Sampler(Disturbance):
    """Resident memory and descriptors of each daemon, once a second: rank -> [(seconds, bytes, descriptors)]."""

    def __init__(self, soak):
        super().__init__("sampler", soak)
        self.samples = {rank: [] for rank in range(soak.ranks)}

    def is_own(self, descriptor):
        """Not of a file of the source: a daemon keeps the last few of these open."""
        try:
            return not os.readlink(descriptor).startswith(f"{self.soak.root}/source/")
        except OSError:
            return False

    def disturb(self):
        page = os.sysconf("SC_PAGE_SIZE")
        while self.pause(1, 1):
            for rank, pid in enumerate(self.soak.pids):
                if rank in self.soak.killed:
                    continue
                try:
                    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
                        resident = int(statm.read().split()[1]) * page
                    files = sum(self.is_own(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd"))
                except OSError:
                    continue
                self.samples[rank].append((time.monotonic() - self.soak.began, resident, files))
