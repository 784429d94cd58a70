"""What could not be done at the end is said: a profile that the job directory did not take and where it lies, a mount that stays."""

import os
import pathlib
import re
import signal
import unittest

import copper_job
from ends import Ends

PROFILE = "--profile-paths-full"


class Elsewhere(Ends):
    def setUp(self):
        super().setUp()
        self.elsewhere = self.root / "temporary"
        self.elsewhere.mkdir()

    def assert_said(self, job, stopped):
        """Status 1, and where the profile lies; there it is."""
        self.assertEqual(1, stopped.returncode, stopped.stdout + stopped.stderr)
        found = re.search(rf"{self.elsewhere}/copper-[0-9a-f]+/profiling/final/copper_profile\.h5", stopped.stderr)
        self.assertTrue(found, stopped.stderr)
        self.assertGreater(os.path.getsize(found[0]), 1000)
        self.assertIn(copper_job.host(), stopped.stderr)
        self.assertEqual(1, job.wait_for_end(), "as the launcher says, too")
        copper_job.run("umount", "-l", f"{job.directory}/profiling")
        self.gone(job)

    def start_saving(self, **settings):
        return self.start(2, environment={**os.environ, "TMPDIR": str(self.elsewhere)}, options=[PROFILE], **settings)


class RemovedDirectory(Elsewhere):
    def remove(self, job):
        copper_job.run("rm", "-rf", job.directory)

    def test_while_a_profile_is_made(self):
        job = self.start_saving()
        self.read_all(job.mounts)
        self.remove(job)
        stopped = job.copper("stop", job.mounts[1])
        self.assert_said(job, stopped)
        self.assertIn(f"{job.directory} is gone", stopped.stderr)
        self.assertFalse(os.path.lexists(job.directory), "nor made again")

    def test_and_the_launcher_says_so_too(self):
        job = self.start_saving()
        self.read_all(job.mounts)
        self.remove(job)
        job.launcher.terminate()
        self.gone(job)
        said = pathlib.Path(f"{job.root}/launcher.txt").read_text()
        found = re.search(rf"the profile could not be written \({job.directory} is gone.*and lies in ({self.elsewhere}/\S+) on", said)
        self.assertTrue(found, said)
        self.assertGreater(os.path.getsize(found[1]), 1000)

    def test_without_a_profile_nothing_is_lost(self):
        for end, records in ((lambda job: job.launcher.terminate(), 0), (lambda job: self.stop(job, job.mounts[1]), 1)):
            job = self.start(2, environment={**os.environ, "TMPDIR": str(self.elsewhere)})
            self.remove(job)
            end(job)
            self.assertEqual(0, job.wait_for_end())
            self.gone(job)
            self.assertEqual(records, len(os.listdir(self.elsewhere)), "only where somebody asks for it")

    @unittest.skipIf(os.geteuid() != 0, "only root can hide a directory")
    def test_who_does_not_see_it_does_not_take_it_for_gone(self):
        job = self.start_saving()
        stopped = copper_job.run("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', job.directory,
                                 copper_job.COPPER, "stop", job.mounts[1])
        self.assertEqual((0, ""), (stopped.returncode, stopped.stderr))
        self.gone(job)
        self.assertEqual(0, self.exit_record(job)["status"])

    def test_of_the_logs_alone(self):
        job = self.start_saving()
        self.read_all(job.mounts)
        copper_job.run("rm", "-rf", f"{job.directory}/logs", f"{job.directory}/control")
        self.stop(job, job.mounts[0])
        self.gone(job)
        self.assertGreater(os.path.getsize(f"{job.directory}/profiling/final/copper_profile.h5"), 1000)
        self.assertEqual(0, self.exit_record(job)["status"])


@unittest.skipIf(os.geteuid() != 0, "only root can mount that")
class UnwrittenProfile(Elsewhere):
    def test_a_directory_that_takes_nothing(self):
        job = self.start_saving()
        self.read_all(job.mounts)
        profiling = pathlib.Path(f"{job.directory}/profiling")
        profiling.mkdir()
        mounted = copper_job.run("mount", "-t", "tmpfs", "-o", "ro", "nothing", profiling)
        self.assertEqual(0, mounted.returncode, mounted.stderr)
        self.addCleanup(copper_job.run, "umount", "-l", profiling)
        self.assert_said(job, job.copper("stop", job.directory))
        self.assertEqual(1, self.exit_record(job)["status"])

    def test_a_full_disk(self):
        os.environ["TMPDIR"] = str(self.elsewhere)
        self.addCleanup(os.environ.pop, "TMPDIR")
        job, tiny = self.start_on_tiny(options=[PROFILE])
        self.read_all(job.mounts)
        self.fill(tiny)
        self.assert_said(job, job.copper("stop", job.directory))

    def test_a_directory_that_hangs(self):
        image, place = self.root / "image", self.root / "frozen"
        place.mkdir()
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        made = copper_job.run("mkfs.ext4", "-q", image)
        mounted = copper_job.run("mount", "-o", "loop", image, place)
        if made.returncode != 0 or mounted.returncode != 0:
            self.skipTest(f"no loop mounts here: {made.stderr}{mounted.stderr}")
        self.addCleanup(copper_job.run, "umount", "-l", place)
        os.environ["TMPDIR"] = str(self.elsewhere)
        self.addCleanup(os.environ.pop, "TMPDIR")
        (self.root / "job-frozen").mkdir()
        job = copper_job.Job(self.root / "job-frozen", self.source, 2, options=[PROFILE, "--log-type", "stdout"], deadline=150)
        job.command = [word.replace(job.directory, f"{place}/job") for word in job.command]
        job.directory = f"{place}/job"
        self.addCleanup(job.end)
        job.start()
        self.read_all(job.mounts)
        frozen = copper_job.run("fsfreeze", "-f", place)
        self.assertEqual(0, frozen.returncode, frozen.stderr)
        self.addCleanup(copper_job.run, "fsfreeze", "-u", place)
        stopped = job.copper("stop", job.mounts[1], timeout=60)
        self.assertEqual(1, stopped.returncode, stopped.stdout + stopped.stderr)
        self.assertRegex(stopped.stderr, rf"takes nothing.*{self.elsewhere}/copper-[0-9a-f]+/profiling/final/copper_profile\.h5")
        self.assertEqual([], copper_job.mounts_below(self.root / "job-frozen"))
        self.assertIsNotNone(job.wait_for_end(60), "nothing waits for it")
        copper_job.run("fsfreeze", "-u", place)
        self.gone(job)


class Mounters(Ends):
    """The mounter, which alone unmounts, is not there or does not answer."""

    def mounter_of(self, job, rank):
        return next(pid for pid in copper_job.children()[job.daemon(rank)]
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "copper-mounter")

    def test_one_that_is_frozen_is_woken(self):
        job = self.start()
        os.kill(self.mounter_of(job, 2), signal.SIGSTOP)
        self.stop(job)
        self.gone(job)

    def test_without_one_the_mount_goes_or_is_named(self):
        job = self.start()
        os.kill(self.mounter_of(job, 2), signal.SIGKILL)
        stopped = job.copper("stop", job.directory)
        self.assertIsNotNone(job.wait_for_end(), job.last_words())
        left = copper_job.mounts_below(job.root)
        if os.geteuid() == 0:
            self.assertEqual((0, []), (stopped.returncode, left), stopped.stderr)
        else:
            self.assertEqual((1, [job.mounts[2]]), (stopped.returncode, left), stopped.stderr)
            self.assertIn(f"still mounted, though dead: {job.mounts[2]} on {copper_job.host()} (rank 2)", stopped.stderr)
            copper_job.unmount(job.mounts[2])
            os.rmdir(job.mounts[2])  # made by the mounter that was killed
        self.gone(job)


copper_job.main()
