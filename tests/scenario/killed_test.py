"""Daemons and launchers that are killed: the mounters remove the mounts, nothing is left, the next job starts."""

import contextlib
import os
import pathlib
import signal

import copper_job


class Killed(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.write("file", b"content")

    def gone(self, job):
        self.assertIsNotNone(job.wait_for_end(), job.last_words())
        self.assertEqual([], job.left_behind())

    def start_again(self):
        job = self.start(2)
        for mount in job.mounts:
            self.assertEqual(b"content", pathlib.Path(f"{mount}/file").read_bytes())

    def test_one_daemon_is_killed(self):
        for rank in (0, 2):
            with self.subTest(rank=rank):
                job = self.start()
                job.signal(rank, signal.SIGKILL)
                self.assertTrue(copper_job.until(lambda: job.mounts[rank] not in copper_job.mounts_below(job.root), 5),
                                "its mounter removes its mount")
                self.gone(job)
        self.start_again()

    def test_all_daemons_are_killed_at_once(self):
        job = self.start()
        for rank in range(job.ranks):
            job.signal(rank, signal.SIGKILL)
        self.gone(job)
        self.start_again()

    def test_the_launcher_is_killed(self):
        job = self.start()
        job.launcher.kill()
        self.gone(job)
        self.start_again()

    def test_a_daemon_is_killed_with_files_open_and_readers_waiting(self):
        job = self.start()
        file = os.open(f"{job.mounts[1]}/file", os.O_RDONLY)
        try:
            job.signal(1, signal.SIGKILL)
            self.gone(job)
            with self.assertRaises(OSError):
                os.pread(file, 10, 0)
        finally:
            with contextlib.suppress(OSError):  # closing tells the daemon, which is gone
                os.close(file)

    def test_one_parent_is_killed(self):
        """Hydra ends the job when a process that it started ends by a signal (known limit); in order, as far as it goes."""
        job = self.start()
        parents = [pid for pid in copper_job.descendants(job.launcher.pid)
                   if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "copper-parent"]
        self.assertEqual(4, len(parents))
        os.kill(parents[2], signal.SIGKILL)
        self.gone(job)
        self.start_again()

    def test_wait_reports_a_job_that_was_killed(self):
        job = self.start(2)
        for rank in range(job.ranks):
            job.signal(rank, signal.SIGKILL)
        self.gone(job)
        stopped = job.copper("stop", job.directory, "--timeout", "3")
        self.assertNotEqual(0, stopped.returncode)


copper_job.main()
