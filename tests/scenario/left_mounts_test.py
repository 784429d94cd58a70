"""A mount that stays when the job ends is a trap for whoever comes next: `copper stop` names it, with what to do, and fails."""

import os
import pathlib
import signal

import copper_job
import nodes
from ends import Ends


class LeftMounts(Ends):
    def start_surviving(self, **settings):
        job = self.start(survive=True, **settings)
        self.read_all(job.mounts)
        return job

    def mounter_of(self, job, rank):
        return next(pid for pid in copper_job.children()[job.daemon(rank)]
                    if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "copper-mounter")

    def freeze(self, job, rank):
        daemon = job.daemon(rank)
        os.kill(daemon, signal.SIGSTOP)
        self.addCleanup(self.thaw, copper_job.identity(daemon))
        return daemon

    def thaw(self, process):
        if process and copper_job.identity(process[0]) == process:
            os.kill(process[0], signal.SIGCONT)

    def assert_named(self, stopped, job, rank, *fragments):
        self.assertEqual(1, stopped.returncode, stopped.stdout + stopped.stderr)
        for fragment in (f"{job.mounts[rank]} on ", f"rank {rank}", *fragments):
            self.assertIn(fragment, stopped.stderr)

    def remove(self, mount):
        copper_job.unmount(mount)
        if os.path.lexists(mount):
            os.rmdir(mount)  # made by a mounter that was killed


class OnThisHost(LeftMounts):
    def test_of_a_frozen_daemon(self):
        for frozen, at in ((2, None), (0, None), (1, 3)):
            with self.subTest(frozen=frozen, at=at):
                job = self.start_surviving()
                daemon = self.freeze(job, frozen)
                stopped = job.copper("stop", job.mounts[at] if at else job.directory, timeout=90)
                self.assert_named(stopped, job, frozen, f"kill -CONT {daemon}", "fusermount3 -uz")
                self.assertEqual([job.mounts[frozen]], copper_job.mounts_below(job.root))
                os.kill(daemon, signal.SIGCONT)
                self.gone(job)

    def test_of_a_daemon_that_is_frozen_with_its_mounter(self):
        job = self.start_surviving()
        mounter = self.mounter_of(job, 3)
        os.kill(mounter, signal.SIGSTOP)
        self.addCleanup(self.thaw, copper_job.identity(mounter))
        daemon = self.freeze(job, 3)
        self.assert_named(job.copper("stop", job.directory, timeout=90), job, 3, "fusermount3 -uz")
        self.assertEqual([job.mounts[3]], copper_job.mounts_below(job.root))
        os.kill(daemon, signal.SIGCONT)
        self.gone(job)

    def test_of_a_daemon_that_was_killed_with_its_mounter(self):
        job = self.start_surviving()
        daemon, mounter = job.daemon(1), self.mounter_of(job, 1)
        for pid in (mounter, daemon):
            os.kill(pid, signal.SIGKILL)
        self.assert_named(job.copper("stop", job.directory, timeout=90), job, 1, "fusermount3 -uz")
        self.assertEqual([job.mounts[1]], copper_job.mounts_below(job.root))
        self.remove(job.mounts[1])
        self.gone(job)


class OnOtherHosts(LeftMounts):
    """Whose mounts nobody but themselves can see."""

    def setUp(self):
        super().setUp()
        self.nodes = nodes.Nodes(4)
        self.addCleanup(self.nodes.remove)

    def start_surviving(self, **settings):
        place = self.root / f"job-{len(list(self.root.iterdir()))}"
        place.mkdir()
        job = copper_job.Job(place, self.source, 4, survive=True, **settings)
        at = job.command.index(copper_job.CU_FUSE)
        job.command[at:at] = self.nodes.enter()
        self.addCleanup(job.end)
        job.start()
        self.read_all(job.mounts)
        return job

    def test_of_a_frozen_daemon_it_may_remain(self):
        job = self.start_surviving()
        daemon = self.freeze(job, 2)
        stopped = job.copper("stop", job.directory, timeout=90)
        self.assert_named(stopped, job, 2, "may still be mounted", "node2", f"kill -CONT {daemon}")
        os.kill(daemon, signal.SIGCONT)
        self.gone(job)

    def test_of_a_killed_daemon_its_mounter_says_that_it_is_gone(self):
        job = self.start_surviving()
        self.kill(job, [2])
        stopped = self.stop(job)
        self.assertNotIn("mounted", stopped.stderr)
        self.assertIn("rank 2 (node2", stopped.stderr)
        self.gone(job)

    def test_of_a_daemon_that_was_killed_with_its_mounter_it_may_remain(self):
        job = self.start_surviving()
        daemon, mounter = job.daemon(1), self.mounter_of(job, 1)
        for pid in (mounter, daemon):
            os.kill(pid, signal.SIGKILL)
        self.assert_named(job.copper("stop", job.directory, timeout=90), job, 1, "may still be mounted", "node1")
        self.remove(job.mounts[1])
        self.gone(job)


copper_job.main()
