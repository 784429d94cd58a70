"""Ranks on many levels of a deep tree are frozen when the job ends: the end has one budget, whatever the depth."""

import contextlib
import os
import signal
import time

import copper_job
from ends import Ends

WITHIN = 30  # seconds
RANKS = 16
FROZEN = (3, 4, 5, 9, 12)  # rows and single ones; of a chain, so each is between some rank and all below it


class FrozenEnd(Ends):
    def start_chain(self):
        job = self.start(RANKS, options=["--trees", 1, "--fanout", 1, "--profile-metrics"], deadline=240, survive=True)
        self.read_all([job.mounts[RANKS - 1]], [0])
        self.daemons = [job.daemon(rank) for rank in range(RANKS)]
        for rank in FROZEN:
            os.kill(self.daemons[rank], signal.SIGSTOP)
        self.addCleanup(self.thaw)
        return job

    def thaw(self):
        for rank in FROZEN:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.daemons[rank], signal.SIGCONT)

    def assert_others_end(self, job, begin):
        """All that are not frozen, in time, and named as they were; the frozen ones once they are thawed."""
        others = [pid for rank, pid in enumerate(self.daemons) if rank not in FROZEN]
        self.assertTrue(copper_job.until(lambda: not any(map(copper_job.identity, others)), WITHIN), job.last_words())
        took = time.monotonic() - begin
        print(f"ended after {took:.1f} s", flush=True)
        self.assertLess(took, WITHIN * copper_job.PATIENCE)

    def test_stop(self):
        job = self.start_chain()
        begin = time.monotonic()
        stopped = job.copper("stop", job.directory, "--timeout", 60 * copper_job.PATIENCE, timeout=70)
        self.assertEqual(1, stopped.returncode, f"{stopped.stdout}{stopped.stderr}\n{job.last_words()}")
        self.assert_others_end(job, begin)
        self.assertEqual(list(FROZEN), self.exit_record(job)["lost"])
        self.assertTrue(os.path.exists(f"{job.directory}/profiling/final/copper_profile.h5"))
        for rank in FROZEN:
            self.assertRegex(stopped.stderr, rf"rank {rank} \(")
            self.assertIn(f"{job.mounts[rank]} on {copper_job.host()} (rank {rank}): kill -CONT {self.daemons[rank]}", stopped.stderr)
        self.thaw()
        self.gone(job)

    def test_the_launcher_is_told_to_end(self):
        job = self.start_chain()
        job.launcher.send_signal(signal.SIGTERM)
        self.assert_others_end(job, time.monotonic())
        self.gone(job)


copper_job.main()
