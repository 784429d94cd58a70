"""Start and stop, again and again, in every way there is; each time nothing is left (the harness looks)."""

import os
import pathlib
import signal
import sys
import unittest

import copper_job


class StartStop(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.write("file", b"content")

    def ended(self, job, expected=0):
        status = job.wait_for_end()
        self.assertEqual(expected, status, job.last_words())
        self.assertEqual([], job.left_behind())

    def used(self, job):
        for mount in job.mounts:
            self.assertEqual(b"content", pathlib.Path(f"{mount}/file").read_bytes())
        return job

    def test_by_job_directory(self):
        job = self.used(self.start())
        stopped = job.stop()
        self.assertEqual(0, stopped.returncode, stopped.stderr)
        self.assertEqual([], copper_job.mounts_below(job.root), "stop returns when the mounts are gone")
        self.ended(job)

    def test_by_mount(self):
        job = self.used(self.start())
        stopped = job.copper("stop", job.mounts[2], "--timeout", "30")
        self.assertEqual(0, stopped.returncode, stopped.stderr)
        self.ended(job)

    @unittest.skipUnless(copper_job.PATIENCE == 1, "sanitizers have a say in how libraries open files")
    def test_a_start_does_not_read_all_symbols_of_the_kernel(self):
        """libfabric would, twice: ten MB, and more CPU than all else that a rank does to come up."""
        job = self.start(environment={**os.environ, "COPPER_CORE_FILES": "1"})  # else only root may ask
        for rank in range(job.ranks):
            read = dict(line.split(": ") for line in pathlib.Path(f"/proc/{job.daemon(rank)}/io").read_text().splitlines())
            self.assertLess(int(read["rchar"]), 2_000_000, f"bytes that rank {rank} has read")

    def test_before_it_was_used(self):
        job = self.start()
        self.assertEqual(0, job.stop().returncode)
        self.ended(job)

    def test_by_sigterm_to_the_launcher(self):
        job = self.used(self.start())
        job.launcher.send_signal(signal.SIGTERM)
        self.assertIsNotNone(job.wait_for_end())
        self.assertEqual([], job.left_behind())

    def test_by_sigint_to_the_launcher(self):
        job = self.used(self.start())
        job.launcher.send_signal(signal.SIGINT)
        self.assertIsNotNone(job.wait_for_end())
        self.assertEqual([], job.left_behind())

    def test_by_sigterm_to_one_rank(self):
        for rank in (0, 3):
            with self.subTest(rank=rank):
                job = self.used(self.start())
                job.signal(rank, signal.SIGTERM)
                self.ended(job)

    def test_by_unmounting_every_mount(self):
        job = self.used(self.start())
        for mount in job.mounts:
            done = copper_job.run("umount", mount) if os.geteuid() == 0 else copper_job.run("fusermount3", "-u", mount)
            self.assertEqual(0, done.returncode, done.stderr)
        self.ended(job)

    def test_while_a_file_is_open(self):
        job = self.used(self.start())
        with open(f"{job.mounts[1]}/file", "rb"):
            self.assertEqual(0, job.stop().returncode)
            self.ended(job)

    def test_a_mount_point_that_was_there_stays(self):
        places = [self.root / f"mine{rank}" for rank in range(2)]
        for place in places:
            place.mkdir()
        job = self.used(self.start(2, mount=f"{self.root}/mine%r"))
        job.mounts = []  # they are ours, not Copper's: they should stay
        self.assertEqual(0, job.stop().returncode)
        self.ended(job)
        for place in places:
            self.assertEqual([], os.listdir(place))

    def test_two_jobs_side_by_side(self):
        one, other = self.used(self.start(2)), self.used(self.start(2))
        self.assertEqual(0, one.stop().returncode)
        self.ended(one)
        self.used(other)

    def test_a_world_of_one(self):
        self.ended_by_stop(self.used(self.start(1)))

    def ended_by_stop(self, job):
        self.assertEqual(0, job.stop().returncode)
        self.ended(job)


class TwentyTimes(StartStop):
    """One job directory, the same mount points, 20 jobs."""

    def test_start_and_stop_20_times(self):
        place = self.root / "place"
        place.mkdir()
        for turn in range(20):
            job = copper_job.Job(place, self.source, 4)
            self.addCleanup(job.end)
            self.used(job.start())
            if turn % 4 == 3:
                job.launcher.send_signal(signal.SIGTERM)
                self.assertIsNotNone(job.wait_for_end())
                self.assertEqual([], job.left_behind())
            else:
                self.ended_by_stop(job)


def load_tests(loader, _tests, _pattern):
    """`start_stop_test.py twenty` runs the long one alone, so that the two can run side by side."""
    if TWENTY:
        return copper_job.unittest.TestSuite([TwentyTimes("test_start_and_stop_20_times")])
    return loader.loadTestsFromTestCase(StartStop)


TWENTY = sys.argv[1:] == ["twenty"]
del sys.argv[1:]
copper_job.main()
