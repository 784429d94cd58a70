"""A rank is killed, or frozen for a while, idle or in the middle of a cold storm: the others read on, and read right."""

import contextlib
import errno
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid

import copper_job
import source_tree

KIB = 1 << 10
MIB = 1 << 20
RANKS = 8
# One tree of fanout 2: rank 0 is its root, 1 to 3 are inner nodes, 4 to 7 leaves, at a depth of up to 3.
TREE = ["--trees", 1]
ROOT, INNER, LEAF = 0, 1, 5
# Of one request: two seconds for the lost one; and what a busy machine adds.
DEADLINE = (5 + 3 + 2) * copper_job.PATIENCE

# Reads files in an order of its own; prints a JSON object a line: the digest or the errno, and the longest system call.
READER = """
import errno, hashlib, json, os, random, sys, time
mount, seed = sys.argv[1:3]
names = json.load(sys.stdin)
random.Random(seed).shuffle(names)
for name in names:
    longest = 0
    def timed(call, *arguments):
        global longest
        began = time.monotonic()
        try:
            return call(*arguments)
        finally:
            longest = max(longest, time.monotonic() - began)
    found = hashlib.blake2b()
    file = None
    try:
        file = timed(os.open, f"{mount}/{name}", os.O_RDONLY)
        while piece := timed(os.read, file, 256 * 1024):
            found.update(piece)
        result = found.hexdigest()
    except OSError as failure:
        result = errno.errorcode[failure.errno]
    if file is not None:
        try:
            os.close(file)
        except OSError:
            pass
    print(json.dumps([name, result, longest]), flush=True)
"""


class Reader:
    """A process that reads files through a mount."""

    def __init__(self, mount, seed, names, output):
        self.mount = mount
        self.output = pathlib.Path(output)
        with open(output, "w", encoding="utf-8") as out:
            self.process = subprocess.Popen([sys.executable, "-c", READER, mount, str(seed)], stdin=subprocess.PIPE, stdout=out,
                                            text=True)
        json.dump(names, self.process.stdin)
        self.process.stdin.close()

    def lines(self):
        return [json.loads(line) for line in self.output.read_text().splitlines() if line.endswith("]")]

    def end(self):
        self.process.kill()
        self.process.wait(10 * copper_job.PATIENCE)


class LostParent(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.files = {}

    def add_files(self, directory, sizes):
        """Adds files to the source; returns their names."""
        names = []
        for number, size in enumerate(sizes):
            content = os.urandom(size)
            name = f"{directory}{number % 5}/file{number}"
            self.write(name, content)
            self.files[name] = source_tree.digest(self.source / name)
            names.append(name)
        return names

    def launch(self, end, options=TREE):
        place = self.root / f"job-{uuid.uuid4().hex[:6]}"
        place.mkdir()
        job = copper_job.Job(place, self.source, RANKS, options=options, deadline=150, survive=True)
        self.addCleanup(end, job)
        job.start()
        job.pids = [job.daemon(rank) for rank in range(RANKS)]
        return job

    def end_survivors(self, job):
        """How a job that has lost a rank is ended here: each survivor by itself."""
        try:
            for pid in job.pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            self.assertIsNotNone(job.wait_for_end(60), job.last_words())
            self.assertEqual([], job.left_behind())
        finally:
            job._watchdog.cancel()
            job.kill()
            job._output.close()

    def start_readers(self, job, names, each=1):
        readers = []
        for rank, mount in enumerate(job.mounts):
            for number in range(each):
                readers.append(Reader(mount, f"{rank}.{number}", names, f"{self.root}/reader-{uuid.uuid4().hex[:8]}"))
                self.addCleanup(readers[-1].end)
        return readers

    def wait_for(self, job, readers, names, lost):
        """All of them come to their end, in time; those whose own rank lives have read every file right."""
        for reader in readers:
            own = job.mounts.index(reader.mount) != lost
            with contextlib.suppress(subprocess.TimeoutExpired):
                reader.process.wait(60 * copper_job.PATIENCE)
            lines = reader.lines()
            self.assertIsNotNone(reader.process.returncode, f"{reader.mount}: still reading after {lines[-3:]}")
            for name, found, seconds in lines:
                if own:
                    self.assertEqual(self.files[name], found, f"{reader.mount}/{name}\n{job.last_words()}")
                    self.assertLess(seconds, DEADLINE, f"{reader.mount}/{name}\n{job.last_words()}")
                elif found not in errno.errorcode.values():
                    self.assertEqual(self.files[name], found, f"{reader.mount}/{name}\n{job.last_words()}")
            self.assertEqual(len(names), len(lines), reader.mount)

    def detours(self, job, lost):
        """How often the others read the source in place of a parent."""
        statuses = [json.loads(pathlib.Path(f"{mount}/.copper/status.json").read_text()) for mount in job.mounts
                    if mount != job.mounts[lost]]
        return sum(status["events"]["detours"] for status in statuses)

    def storm(self, job, victim, number):
        """All mounts want all files; in the middle of it a rank gets a signal. The readers."""
        names = self.add_files("storm", [size for size in (0, 1, 100 * KIB, 900 * KIB, 3 * MIB + 5) for _ in range(12)])
        names = [name for name in names if os.path.getsize(self.source / name)]  # no digest of nothing is right then
        readers = self.start_readers(job, names, each=2)
        self.assertTrue(copper_job.until(lambda: all(reader.lines() for reader in readers), 30), "the storm has begun")
        job.signal(victim, number)
        self.assertTrue(any(reader.process.poll() is None for reader in readers), "the storm was over already")
        return readers, names

    def assert_survives(self, job, victim):
        alive = [rank for rank in range(RANKS) if copper_job.identity(job.pids[rank])]
        self.assertEqual([rank for rank in range(RANKS) if rank != victim], alive, job.last_words())

    # --- Killed.

    def killed_idle(self, victim):
        names = self.add_files("d", [10, 200 * KIB, 3 * MIB])
        job = self.launch(self.end_survivors)
        job.signal(victim, signal.SIGKILL)
        self.wait_for(job, self.start_readers(job, names), names, victim)
        self.assert_survives(job, victim)
        self.assertEqual(victim == ROOT, self.detours(job, victim) > 0, "in an inner node's place its own parent is asked")

    def killed_in_a_storm(self, victim, options=TREE):
        job = self.launch(self.end_survivors, options)
        readers, names = self.storm(job, victim, signal.SIGKILL)
        self.wait_for(job, readers, names, victim)
        self.assert_survives(job, victim)

    def test_the_root_is_killed_idle(self):
        self.killed_idle(ROOT)

    def test_an_inner_node_is_killed_idle(self):
        self.killed_idle(INNER)

    def test_a_leaf_is_killed_idle(self):
        self.killed_idle(LEAF)

    def test_the_root_is_killed_in_a_storm(self):
        self.killed_in_a_storm(ROOT)

    def test_an_inner_node_is_killed_in_a_storm(self):
        self.killed_in_a_storm(INNER)

    def test_a_leaf_is_killed_in_a_storm(self):
        self.killed_in_a_storm(LEAF)

    def test_a_rank_of_many_trees_is_killed_in_a_storm(self):
        self.killed_in_a_storm(3, options=["--trees", RANKS])

    # --- Frozen.

    def thaw(self, job, victim):
        """The job is whole again: what is new is read by the root alone, once."""
        job.signal(victim, signal.SIGCONT)

        def recovered():
            names = [self.fresh.pop()]
            before = job.total("detours")
            self.wait_for(job, self.start_readers(job, names), names, None)
            return job.total("detours") == before
        self.assertTrue(copper_job.until(recovered, 40, pause=0.5), job.last_words())

    def launch_to_thaw(self, victim):
        self.fresh = [self.add_files(f"fresh{number}-", [5000])[0] for number in range(60)]
        job = self.launch(copper_job.Job.end)
        self.addCleanup(job.signal, victim, signal.SIGCONT)
        return job

    def frozen_idle(self, victim):
        names = self.add_files("d", [10, 200 * KIB, 3 * MIB])
        job = self.launch_to_thaw(victim)
        job.signal(victim, signal.SIGSTOP)
        readers = self.start_readers(job, names)
        self.wait_for(job, [reader for reader in readers if reader.mount != job.mounts[victim]], names, victim)
        self.thaw(job, victim)
        self.wait_for(job, readers, names, victim)

    def frozen_in_a_storm(self, victim):
        job = self.launch_to_thaw(victim)
        readers, names = self.storm(job, victim, signal.SIGSTOP)
        self.wait_for(job, [reader for reader in readers if reader.mount != job.mounts[victim]], names, victim)
        self.thaw(job, victim)
        self.wait_for(job, readers, names, victim)

    def test_the_root_is_frozen_idle(self):
        self.frozen_idle(ROOT)

    def test_an_inner_node_is_frozen_idle(self):
        self.frozen_idle(INNER)

    def test_a_leaf_is_frozen_idle(self):
        self.frozen_idle(LEAF)

    def test_the_root_is_frozen_in_a_storm(self):
        self.frozen_in_a_storm(ROOT)

    def test_an_inner_node_is_frozen_in_a_storm(self):
        self.frozen_in_a_storm(INNER)

    def test_a_leaf_is_frozen_in_a_storm(self):
        self.frozen_in_a_storm(LEAF)


copper_job.main()
