"""HDF5 and the thirty libraries behind it are where they are used, and nowhere else; where they are missing, somebody says so.

A rank that writes no profile would pay for them with memory and time, and so would each `copper wait`.
"""

import os
import pathlib
import shutil
import signal
import subprocess
from unittest import mock

import copper_job
from ends import Ends
from slow_source import SlowSource

RANKS = 4
FIRST = {0, 1, 3}  # of 4: rank 0 and its deputies (src/job/first_ranks.h)
PLAIN = 2
PROFILING = ["--profile-metrics"]
LIBRARY = "copper_hdf5.so"
# The library itself, and what only it brings: HDF5, and what Debian's HDF5 brings for files in the cloud.
BROUGHT = (LIBRARY, "libhdf5", "libcurl")


def mapped(pid):
    """Which of these a process has mapped."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text(errors="replace")
    return {name for name in BROUGHT if name in maps}


def processes_of(job):
    """rank -> pids of its parent, daemon and mounter"""
    below = copper_job.children()
    parents = {pid: parent for parent, pids in below.items() for pid in pids}
    found = {}
    for rank in range(job.ranks):
        daemon = job.daemon(rank)
        found[rank] = {parents[daemon], daemon, *below.get(daemon, []), *below[parents[daemon]]}
    return found


class WhereItIsUsed(copper_job.Scenario):
    def start_used(self, options):
        self.write("file", b"content")
        # Else only root may look into a daemon's maps.
        job = self.start(RANKS, options=options, environment={**os.environ, "COPPER_CORE_FILES": "1"})
        for mount in job.mounts:
            self.assertEqual(b"content", pathlib.Path(f"{mount}/file").read_bytes())
        return job

    def test_without_profiling_no_process_of_a_job_maps_it(self):
        job = self.start_used([])
        for rank, pids in processes_of(job).items():
            self.assertGreaterEqual(len(pids), 3, "parent, daemon, mounter")
            for pid in pids:
                self.assertEqual(set(), mapped(pid), f"rank {rank}: {job.describe(pid)}")

    def test_a_parent_keeps_little_of_what_it_touched_to_come_up(self):
        """Its share of the programs and libraries in memory; the daemon uses them, it waits."""

        def resident_of_files(pid):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            return int(status.partition("RssFile:")[2].split()[0])

        job = self.start_used([])
        parents = {pid: parent for parent, pids in copper_job.children().items() for pid in pids}
        for rank in range(RANKS):
            daemon = job.daemon(rank)
            self.assertLess(2 * resident_of_files(parents[daemon]), resident_of_files(daemon), f"KiB, rank {rank}")

    def test_with_profiling_rank_zero_and_its_deputies_have_it_from_the_start(self):
        job = self.start_used(PROFILING)
        for rank, pids in processes_of(job).items():
            for pid in pids:
                has = mapped(pid)
                if rank in FIRST and pid == job.daemon(rank):
                    self.assertTrue(has.issuperset({LIBRARY, "libhdf5"}), f"rank {rank} would load it at the end: {has}")
                else:
                    self.assertEqual(set(), has, f"rank {rank}: {job.describe(pid)}")

    def loaded_by(self, *words):
        """Which of these a verb of copper loads, early or late, as the dynamic linker tells."""
        environment = {**os.environ, "LD_DEBUG": "files"}
        done = subprocess.run([copper_job.COPPER, *map(str, words)], env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60 * copper_job.PATIENCE, check=False)
        told = done.stderr.decode(errors="replace")
        self.assertIn("libstdc++", told, "the linker says what it loads")
        return {name for name in BROUGHT if name in told}

    def test_verbs_that_read_no_profile_do_not_load_it(self):
        job = self.start_used(PROFILING)
        for words in (["--version"], ["--help"], ["wait", job.directory], ["status", job.directory],
                      ["status", job.mounts[1]], ["refresh", job.mounts[1]], ["snapshot", job.directory, "now"],
                      ["cache-usage", job.directory]):
            with self.subTest(verb=words):
                self.assertEqual(set(), self.loaded_by(*words))
        self.assertEqual(set(), self.loaded_by("stop", job.directory))
        self.assertTrue(self.loaded_by("aggregate-profiling", job.directory).issuperset({LIBRARY, "libhdf5"}),
                        "else this test could not fail")


class Installed(Ends):
    """What was installed elsewhere, and can be broken."""

    def setUp(self):
        super().setUp()
        self.place = self.root / "installed"
        done = copper_job.run("cmake", "--install", copper_job.BUILD, "--prefix", self.place, timeout=120)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        [self.library] = self.place.rglob(LIBRARY)
        for name, program in (("CU_FUSE", "cu_fuse"), ("COPPER", "copper")):
            patch = mock.patch.object(copper_job, name, str(self.place / "bin" / program))
            patch.start()
            self.addCleanup(patch.stop)

    def profile_of(self, job):
        return pathlib.Path(job.directory) / "profiling/final/copper_profile.h5"

    def used_and_stopped(self):
        job = self.start(RANKS, options=PROFILING)
        self.read_all(job.mounts)
        self.stop(job)
        self.gone(job)
        self.assertTrue(self.profile_of(job).exists())
        return job

    def test_it_is_found_where_it_was_installed_and_beside_programs_that_were_copied(self):
        job = self.used_and_stopped()
        self.assertEqual(0, job.copper("aggregate-profiling", job.directory).returncode)
        shutil.move(self.library, self.place / "bin" / LIBRARY)
        job = self.used_and_stopped()
        self.assertEqual(0, job.copper("aggregate-profiling", job.directory).returncode)

    def test_where_it_is_missing_a_job_that_needs_it_does_not_start_and_others_do(self):
        job = self.used_and_stopped()
        self.library.unlink()
        with self.assertRaises(AssertionError) as refused:
            self.start(RANKS, options=PROFILING)
        message = f"what writes and reads profiles, {LIBRARY}, is not in {self.library.parent}"
        self.assertIn(f"cannot start: {message}", str(refused.exception))
        self.assertIn("install Copper again", str(refused.exception))
        other = self.start(RANKS)
        self.read_all(other.mounts)
        self.stop(other)
        done = job.copper("aggregate-profiling", job.directory)
        self.assertEqual(1, done.returncode, done)
        self.assertIn(f"cannot read {self.profile_of(job)}: {message}", done.stderr)
        self.assertEqual("", done.stdout)

    def hanging_place(self):
        """The library's directory, as a file system that can be made to hang."""
        behind = self.root / "behind"
        shutil.move(self.library.parent, behind)
        place = SlowSource(behind, [self.library.parent])
        self.addCleanup(place.end)
        return place.start()

    def test_a_rank_that_serves_goes_on_while_it_waits_for_it(self):
        place = self.hanging_place()
        job = self.start(RANKS, options=PROFILING)
        place.hang("open", f"/{LIBRARY}")
        snapshot = subprocess.Popen([copper_job.COPPER, "snapshot", job.mounts[PLAIN], "late"], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL)
        self.addCleanup(snapshot.kill)
        self.assertTrue(copper_job.until(lambda: place.counters()["hanging"], 10), job.last_words())
        self.read_all(job.mounts)
        self.assertEqual(0, job.copper("snapshot", job.directory, "of-rank-0").returncode, "it had it from the start")
        place.clear()
        self.assertEqual(0, snapshot.wait(30 * copper_job.PATIENCE))
        self.stop(job)

    def alone(self, job):
        """Rank 2, which is no deputy, is the only one left, and ends."""
        self.read_all(job.mounts)
        self.kill(job, FIRST)
        job.signal(PLAIN, signal.SIGTERM)
        self.assertIsNotNone(job.wait_for_end(90), job.last_words())
        self.assertEqual([], job.left_behind())
        return job.last_words() + "".join(self.reasons(job))

    def test_a_rank_that_is_left_alone_loads_it_at_last(self):
        job = self.start(RANKS, options=PROFILING, survive=True, deadline=200)
        said = self.alone(job)
        files = list(pathlib.Path(job.directory).glob("profiling/final/*.h5"))
        self.assertEqual([self.profile_of(job)], files, said)

    def test_a_rank_that_is_left_alone_says_that_it_is_missing(self):
        job = self.start(RANKS, options=PROFILING, survive=True, deadline=200)
        self.library.unlink()
        said = self.alone(job)
        self.assertIn(f"the profile could not be written (what writes and reads profiles, {LIBRARY}, is not in", said)

    def test_a_rank_that_is_left_alone_does_not_wait_for_ever_for_a_file_system_that_hangs(self):
        place = self.hanging_place()
        job = self.start(RANKS, options=PROFILING, survive=True, deadline=200)
        place.hang("open", f"/{LIBRARY}")
        said = self.alone(job)
        self.assertIn(f"the profile could not be written ({LIBRARY} can't be loaded: the file system it lies on hangs)", said)


if __name__ == "__main__":
    copper_job.main()
