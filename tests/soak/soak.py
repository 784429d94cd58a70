"""Runs a job of 8 ranks under random readers and random disturbances, and judges what they saw. README.md explains."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

# pylint: disable=wrong-import-position
import copper_job
import judge
import places
import report
from board import Board
from disturbances import (Freezer, HalfMessages, HelperKiller, JobDirectoryFreezer, Killer, Loader, Refresher, Sampler,
                          Signaller, Staller, Toucher, Writer)
from source import MIB, STALLING, Source, plan

RANKS = 8
DEPTH = 3  # of a binary tree of 8 ranks
BUDGET = 24 * MIB
PATIENCE = copper_job.PATIENCE


def ignore_signals():
    """In a new reader, until it has handlers of its own."""
    for number in Signaller.NUMBERS:
        signal.signal(number, signal.SIG_IGN)


class Reader:
    def __init__(self, soak, rank, number, everything=False):
        self.rank, self.number = rank, number
        self.path = f"{soak.root}/reader-{number}{'-all' if everything else ''}"
        settings = {"mount": soak.job.mounts[rank], "rank": rank, "number": number, "rate": soak.options.rate / PATIENCE,
                    "seed": soak.seed, "board": soak.board_path, "ranks": RANKS, "readers": soak.readers_count,
                    "all": everything}
        with open(self.path, "w", encoding="utf-8") as out, open(f"{self.path}.errors", "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen([sys.executable, str(HERE / "reader.py"), json.dumps(settings)],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
                                            preexec_fn=ignore_signals)
        self._lines = open(self.path, encoding="utf-8")
        self._part = ""

    def events(self):
        """What it has said since the last time."""
        *lines, self._part = (self._part + self._lines.read()).split("\n")
        return [json.loads(line) for line in lines]

    def errors(self):
        return pathlib.Path(f"{self.path}.errors").read_text(encoding="utf-8")

    def end(self):
        self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self._lines.close()


class Soak:
    def __init__(self, options, root):
        self.options, self.root = options, root
        self.seed, self.seconds = options.seed, options.minutes * 60
        self.ranks, self.readers_count = RANKS, RANKS * options.readers
        self.deadline = 2 * DEPTH * PATIENCE + 3  # every rank on the way is lost, one after the other; a busy machine
        self.entries = plan(self.seed)
        (root / "source").mkdir()
        self.source = Source(root / "source", root)
        self.stalling = places.stalling_source(root)
        self.job_disk = None
        self.board_path = str(root / "board")
        self.board = Board(self.board_path, len(self.entries), RANKS, self.readers_count)
        self.over = threading.Event()
        self.killed = {}  # rank -> when
        self.began = time.monotonic()
        self.complaints = []
        self.readers, self.disturbances = [], []
        self.job = self.pids = self.shared_memory = None
        self.events = judge.Events(self)
        self.status, self.job_words = {}, ""
        self.budget = BUDGET

    # --- What disturbances ask.

    def signal(self, rank, number):
        with contextlib.suppress(ProcessLookupError):
            if copper_job.identity(self.pids[rank]) == self.identities[rank]:
                os.kill(self.pids[rank], number)

    def is_well(self, rank):
        return rank not in self.killed and not any(frozen == rank and until is None
                                                   for frozen, _, until in self.freezer.freezes)

    def was_frozen(self, rank, began, ended):
        return self.freezer.overlap(rank, began, ended) > 0

    def excused(self, rank, reader, path, began, ended):
        """For how much of this time nobody could have answered: the rank or the reader was stopped, the source hung."""
        return (self.freezer.overlap(rank, began, ended) + self.signaller.stops.overlap(reader, began, ended)
                + (self.staller.stalls.overlap(STALLING, began, ended) if path.startswith(STALLING) else 0))

    # --- The run.

    def run(self):
        self.source.fill(self.entries)
        (self.root / "source" / STALLING).rename(self.root / "stalling")
        place = self.root / "job"
        self.job_disk = places.job_disk(self.root, place)
        self.job = copper_job.Job(place, self.root / "source", RANKS, level=None, survive=True,
                                  deadline=self.seconds + 300, options=["--cache-budget", BUDGET])
        try:
            self.stalling.start()
            self.job.start()
            self.pids = [self.job.daemon(rank) for rank in range(RANKS)]
            self.addresses = {rank["rank"]: rank["address"] for rank in self.job.status()["ranks"]}
            self.identities = [copper_job.identity(pid) for pid in self.pids]
            self.soak()
            self.finish()
        finally:
            self.clean_up()

    def soak(self):
        self.began = time.monotonic()
        self.writer, self.refresher, self.freezer = Writer(self), Refresher(self), Freezer(self)
        self.killer, self.sampler = Killer(self, self.options.kills), Sampler(self)
        self.helper_killer = HelperKiller(self)
        self.toucher, self.signaller, self.staller = Toucher(self), Signaller(self), Staller(self)
        self.loader, self.job_freezer, self.half = Loader(self), JobDirectoryFreezer(self), HalfMessages(self)
        self.disturbances = [self.writer, self.refresher, self.freezer, self.killer, self.sampler, self.toucher,
                             self.signaller, self.staller, self.loader, self.job_freezer, self.half, self.helper_killer]
        self.readers = [Reader(self, number % RANKS, number) for number in range(self.readers_count)]
        for disturbance in self.disturbances:
            disturbance.start()
        told = self.began
        while (now := time.monotonic()) < self.began + self.seconds and not self.job.expired:
            time.sleep(0.5)
            self.watch()
            if now - told >= 10 and sys.stderr.isatty():
                report.progress(self)
                told = now
        self.over.set()
        for disturbance in self.disturbances:
            disturbance.join(60 * PATIENCE)
            if disturbance.is_alive() or disturbance.failure:
                self.complaints.append(disturbance.failure or f"{disturbance.name} does not end")
        self.end_readers()

    def watch(self):
        """Takes what readers say, and looks for those that say nothing because they wait."""
        now = time.monotonic()
        for reader in self.readers:
            for event in reader.events():
                self.events.take(event)
            if reader.process.poll() not in (None, 0) and not getattr(reader, "noted", False):
                reader.noted = True
                self.complaints.append(f"reader {reader.number} ended with {reader.process.returncode}: {reader.errors()}")
            self.watch_wait(reader, now)

    def watch_wait(self, reader, now):
        begun = self.board.begun[reader.number]
        if reader.process.poll() is not None or not begun or getattr(reader, "hangs", False):
            return
        asked = self.board.asked[reader.number]
        path = report.asked_path(asked, self.entries)
        waited = now - begun - self.excused(reader.rank, reader.number, path, begun, now)
        if waited > 2 * self.deadline + 5:  # it would have been late long ago
            reader.hangs = True
            killed = " (whose rank was killed)" if reader.rank in self.killed else ""
            self.events.late.append(f"{begun - self.began:.1f} s: rank {reader.rank}, reader {reader.number}{killed}, still in "
                                    f"{report.asked(asked, self.entries)} after {waited:.1f} s")

    def end_readers(self):
        self.board.ending[0] = 1
        end = time.monotonic() + 2 * self.deadline + 10
        while time.monotonic() < end and any(reader.process.poll() is None for reader in self.readers):
            time.sleep(0.1)
            self.watch()
        for reader in self.readers:
            if reader.process.poll() is None:
                self.complaints.append(f"reader {reader.number} of rank {reader.rank} does not end")
        self.watch()

    def living(self):
        return [rank for rank in range(RANKS) if rank not in self.killed]

    def finish(self):
        """All is quiet: every living mount shows the newest of all; then the job ends and leaves nothing."""
        alive = [rank for rank in range(RANKS) if copper_job.identity(self.pids[rank]) == self.identities[rank]]
        if alive != self.living():
            self.complaints.append(f"ranks {alive} live, those that were not killed are {self.living()}")
        if not copper_job.until(lambda: self.refresher.refresh(""), 30, pause=1):
            self.complaints.append("the last refresh did not reach all ranks")
        self.read_all()
        self.status = {rank: json.loads(pathlib.Path(f"{self.job.mounts[rank]}/.copper/status.json").read_text())
                       for rank in alive}
        self.shared_memory = report.shared_memory_of(self.pids)
        if self.helper_killer.ends_by_parent:
            self.kill_parent()
        else:
            self.stop()
        self.look_for_what_is_left()

    def read_all(self):
        self.board.ending[0] = 0
        last = [Reader(self, rank, rank, everything=True) for rank in self.living()]
        self.readers += last
        for reader in last:
            with contextlib.suppress(subprocess.TimeoutExpired):
                reader.process.wait(120 * PATIENCE)
            if reader.process.poll() != 0:
                self.complaints.append(f"the last look at everything by rank {reader.rank}: {reader.process.poll()}")
            for event in reader.events():
                if event["what"] == "error" or event["what"] == "slow":
                    self.events.take(event)
                elif event["what"] == "wrong":
                    self.events.wrong.append(f"at the end, rank {reader.rank}: {event['message']}")

    def stop(self):
        stopped = self.job.copper("stop", self.job.directory, "--timeout", 60 * PATIENCE, timeout=90)
        if stopped.returncode != 0:
            self.complaints.append(f"copper stop: {stopped.returncode} {stopped.stdout}{stopped.stderr}")
        status = self.job.wait_for_end()
        if status not in ((128 + signal.SIGKILL,) if self.killed else (0,)):
            self.complaints.append(f"the launcher ended with {status}")

    def kill_parent(self):
        """Under Hydra that is the end of all ranks."""
        self.helper_killer.kill_parent()
        status = self.job.wait_for_end()
        if not status:
            self.complaints.append(f"a copper-parent was killed, and the launcher ended with {status}")

    def look_for_what_is_left(self):
        self.complaints += [f"left behind: {left}" for left in self.job.left_behind()]
        self.complaints += [f"left behind: {path}" for path in self.shared_memory if os.path.exists(path)]
        self.complaints += [f"left behind: {path}" for path in report.strange_files(self.job)]

    def clean_up(self):
        self.over.set()
        self.job_words = self.job.last_words()
        for reader in self.readers:
            reader.end()
        for rank in range(RANKS if self.pids else 0):
            self.signal(rank, signal.SIGCONT)
        self.job._watchdog.cancel()  # pylint: disable=protected-access
        if self.job.launcher:
            self.job.kill()
        self.stalling.end()
        self.job._output.close()  # pylint: disable=protected-access


def options_of(words):
    line = argparse.ArgumentParser(prog="tests/soak/run.sh", description=__doc__)
    line.add_argument("--minutes", type=float, default=3)
    line.add_argument("--seed", type=int, help="repeats the choices of a run; random by default")
    line.add_argument("--kills", type=int, choices=range(4), help="ranks to be killed; 3, or 1 in less than 2 minutes")
    line.add_argument("--readers", type=int, default=2, help="of each mount")
    line.add_argument("--rate", type=float, default=25, help="operations a second of each reader, about")
    line.add_argument("--any-memory", action="store_true", help="resident memory is not judged (sanitizers keep some)")
    line.add_argument("--end", choices=("stop", "parent"), help="how the job ends: by `copper stop`, or by a killed helper")
    line.add_argument("--notes", metavar="FILE", help="all figures as JSON")
    line.add_argument("--markdown", metavar="FILE", help="rewrites the table of figures in this file (README.md)")
    line.add_argument("--keep", action="store_true", help="the directory of a run that failed stays")
    options = line.parse_args(words)
    options.seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    options.kills = (3 if options.minutes >= 2 else 1) if options.kills is None else options.kills
    return options


def main():
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left then either
    root = pathlib.Path(tempfile.mkdtemp(prefix="copper-soak-", dir="/tmp"))
    soak, good = Soak(options, root), False
    try:
        print(f"seed {options.seed}: {options.minutes:g} minutes in {root}", file=sys.stderr, flush=True)
        soak.run()
        good = report.tell(soak, options)
    finally:
        for point in copper_job.mounts_below(root):
            copper_job.unmount(point)  # the job's disk, too
        if good or not options.keep:
            shutil.rmtree(root)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
