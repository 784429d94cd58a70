"""Directories of a million names, and lookups of names without end, do not make a daemon grow.

COPPER_TEST_NAMES=full looks at a million names for their sizes, and for ten million absent ones, instead of at some
(half an hour).
"""

import os
import subprocess
import time

import copper_job

FULL = os.environ.get("COPPER_TEST_NAMES") == "full"
NAMES = 1_000_000
LINKS = 20_000  # names of one file: some file systems allow no more than 65,000
BUDGET = "64M"
BOUND = 128 << 20  # budget and as much again


def has_budget():
    return "--cache-budget" in copper_job.run(copper_job.CU_FUSE, "--help").stdout


def name_of(number):
    return f"name-{number:07d}"


def size_of(number):
    return number // LINKS + 1


def fill(directory, names):
    """The file behind name i has size_of(i) bytes; the directory has been left alone for a while."""
    directory.mkdir()
    for number in range(names):
        path = f"{directory}/{name_of(number)}"
        if number % LINKS == 0:
            first = path
            with open(path, "wb") as file:
                file.write(b"x" * size_of(number))
        else:
            os.link(first, path)
    copper_job.until(lambda: time.time() - os.stat(directory).st_ctime > 2, 60)


def memory(pid):
    """(resident now, its peak) in bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file)
    return tuple(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))


class ManyNames(copper_job.Scenario):
    def start_with_budget(self):
        """Two ranks with one tree: rank 0 reads the source, rank 1 has everything from it."""
        self.bounded = has_budget()
        options = ["--trees", 1, "--md-enoent-ttl-ms", 60_000]
        if self.bounded:
            options += ["--cache-budget", BUDGET]
        return self.start(2, options=options, deadline=7200 if FULL else 480)

    def assert_bounded(self, job, after):
        for rank in range(2):
            now, peak = memory(job.daemon(rank))
            print(f"rank {rank} after {after}: {now >> 20} MiB, at most {peak >> 20} MiB", flush=True)
            self.assertLess(now, BOUND, f"rank {rank} after {after}")
            self.assertLess(peak, BOUND, f"rank {rank} after {after}")

    def test_a_directory_of_a_million_names_is_read_within_the_budget(self):
        fill(self.source / "million", NAMES)
        job = self.start_with_budget()
        for mount in job.mounts:
            listed = subprocess.run(["ls", "-f", f"{mount}/million"], capture_output=True, check=True).stdout.split()
            self.assertEqual(NAMES + 2, len(listed))
            self.assertEqual({b".", b"..", *(name_of(i).encode() for i in range(NAMES))}, set(listed))
        self.assert_bounded(job, "ls -f of a million names")
        with os.scandir(f"{job.mounts[1]}/million") as entries:
            self.assertEqual(NAMES, sum(entry.is_file() for entry in entries))
        self.assert_bounded(job, "scandir of a million names")

    def test_names_of_a_huge_directory_are_looked_at_within_the_budget(self):
        # Where nothing bounds the metadata table yet, as many as it may hold.
        names = NAMES if FULL and has_budget() else 70_000
        fill(self.source / "huge", names)
        job = self.start_with_budget()
        for mount in job.mounts:
            found = subprocess.run(["find", f"{mount}/huge", "-type", "f", "-printf", "%f %s\\n"],
                                   capture_output=True, check=True, text=True).stdout  # fmt: skip
            self.assertEqual({f"{name_of(i)} {size_of(i)}" for i in range(names)}, set(found.splitlines()))
        self.assert_bounded(job, f"find in {names} names")

    def look_for_absent(self, directory, count):
        for number in range(count):
            self.assertFalse(os.access(f"{directory}/absent-{number}", os.F_OK))

    def test_absent_names_are_looked_for_within_the_budget(self):
        fill(self.source / "listed", 100)
        fill(self.source / "huge", 10_000)  # too many names to be listed for a lookup
        job = self.start_with_budget()
        in_listed = 10_000_000 if FULL else 100_000
        in_huge = in_listed if FULL and self.bounded else 30_000
        for mount in job.mounts:
            self.look_for_absent(f"{mount}/listed", in_listed)
            self.assertTrue(os.access(f"{mount}/listed/{name_of(7)}", os.F_OK))
        self.assert_bounded(job, f"{in_listed} absent names of a listed directory")
        for mount in job.mounts:
            self.look_for_absent(f"{mount}/huge", in_huge)
            self.assertTrue(os.access(f"{mount}/huge/{name_of(7)}", os.F_OK))
        self.assert_bounded(job, f"{in_huge} absent names of a huge directory")


copper_job.main()
