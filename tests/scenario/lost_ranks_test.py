"""Ranks are lost: the others live on, somebody speaks for the job, and it ends in order when it is told to."""

import json
import os
import pathlib
import signal
import threading
import time

import copper_job
from ends import Ends


class LostRanks(Ends):
    """Ranks are killed, the others live on, and the job ends in order when it is told to."""

    def lose(self, ranks, lost, stop_at=None):
        job = self.start(ranks, survive=True)
        pids = [job.daemon(rank) for rank in range(ranks)]
        self.kill(job, lost)
        time.sleep(1)
        living = [copper_job.identity(pid) is not None for pid in pids]
        self.assertEqual([rank not in lost for rank in range(ranks)], living, f"the others live\n{job.last_words()}")
        for mount in self.survivors(job, lost):
            self.assertTrue(json.loads(pathlib.Path(f"{mount}/.copper/status.json").read_text())["mounted"])
        stopped = self.stop(job, stop_at and job.mounts[stop_at])
        for rank in lost:
            self.assertRegex(stopped.stderr, rf"rank {rank} \(")
        self.assertEqual(lost, self.exit_record(job)["lost"])
        self.assertEqual(0, self.exit_record(job)["status"])
        self.gone(job)
        self.assertEqual(128 + signal.SIGKILL, job.launcher.returncode, "that of the killed rank: the others had 0")
        return job

    def test_each_rank_of_four_is_killed(self):
        for rank in range(4):
            with self.subTest(rank=rank):
                job = self.lose(4, [rank])
                self.assertEqual(1, len(self.reasons(job)), self.reasons(job))
                self.assertRegex(self.reasons(job)[0], rf"rank {rank} on .*ended by signal 9 \(Killed\)")

    def test_the_first_three_of_eight_are_killed(self):
        job = self.lose(8, [0, 1, 2])
        self.start_again(job)

    def test_rank_zero_and_all_around_it_are_killed_and_one_far_away_speaks_for_the_job(self):
        job = self.start(8, survive=True)
        self.kill(job, [0, 1, 2, 3])
        shown = job.copper("status", job.directory, timeout=70)
        self.assertEqual(0, shown.returncode, f"{shown.stderr}\n{job.last_words()}")
        self.assertIn("health: 4 of 8 ranks do not answer", shown.stdout)
        self.read_all(self.survivors(job, [0, 1, 2, 3]))
        self.stop(job)
        self.assertEqual([0, 1, 2, 3], self.exit_record(job)["lost"])
        self.gone(job)

    def test_an_inner_rank_and_a_leaf_are_killed_and_the_job_is_stopped_by_a_mount(self):
        self.lose(8, [1, 6], stop_at=4)

    def test_status_names_the_lost_also_without_rank_zero(self):
        job = self.start(survive=True)
        self.kill(job, [0])
        shown = copper_job.until(lambda: (status := job.copper("status", job.directory)).returncode == 0 and status, 20)
        self.assertTrue(shown, job.last_words())
        self.assertRegex(shown.stdout, r"(?m)^ +0 .*does not answer")
        self.assertIn("3 ranks", shown.stdout)
        self.assertIn("health: 1 of 4 ranks do not answer", shown.stdout)
        self.stop(job)
        self.gone(job)

    def test_sigterm_to_a_survivor_ends_all(self):
        job = self.start(survive=True)
        self.kill(job, [0, 2])
        job.signal(3, signal.SIGTERM)
        self.gone(job)

    def test_a_survivor_is_the_last(self):
        job = self.start(survive=True)
        self.kill(job, [0, 1, 2])
        self.stop(job)
        self.gone(job)

    def test_a_rank_is_lost_in_the_middle_of_the_end(self):
        job = self.start(8, survive=True)
        os.kill(job.daemon(5), signal.SIGSTOP)
        stopping = threading.Thread(target=self.stop, args=[job])
        stopping.start()
        time.sleep(1.5)
        job.signal(5, signal.SIGKILL)
        stopping.join()
        self.gone(job)

    def test_a_frozen_rank_does_not_keep_the_others(self):
        for frozen in (0, 1):
            with self.subTest(frozen=frozen):
                job = self.start(survive=True)
                pid = job.daemon(frozen)
                os.kill(pid, signal.SIGSTOP)
                stopped = job.copper("stop", job.directory, timeout=90)
                self.assertEqual(1, stopped.returncode, stopped.stderr)
                self.assertIn("still mounted, though frozen: " + job.mounts[frozen], stopped.stderr)
                self.assertEqual([frozen], self.exit_record(job)["lost"], "the others have ended in order")
                left = {job.mounts[frozen]}
                self.assertTrue(copper_job.until(lambda j=job, m=left: set(copper_job.mounts_below(j.root)) == m, 5))
                os.kill(pid, signal.SIGCONT)
                self.gone(job)

    def test_verbs_on_the_mount_of_a_frozen_daemon_come_back(self):
        job = self.start(2)
        os.kill(job.daemon(1), signal.SIGSTOP)
        try:
            for verb in ("status", "stop"):
                answer = job.copper(verb, job.mounts[1], timeout=25)
                self.assertEqual(1, answer.returncode)
                self.assertIn("does not answer", answer.stderr)
        finally:
            job.signal(1, signal.SIGCONT)

    def test_where_all_ranks_are_frozen_no_mount_is_advised(self):
        """Whoever followed that would hang."""
        job = self.start(2, survive=True)
        pids = [job.daemon(rank) for rank in range(2)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            answer = job.copper("status", job.directory, timeout=70)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        self.assertEqual(1, answer.returncode)
        self.assertIn(f"continue them (kill -CONT {pids[0]} {pids[1]})", answer.stderr)
        for mount in job.mounts:
            self.assertNotIn(mount, answer.stderr)
        self.stop(job)
        self.gone(job)

    def test_a_rank_that_crashes_leaves_its_reason(self):
        job = self.start(survive=True)
        job.signal(2, signal.SIGSEGV)
        self.assertTrue(copper_job.until(lambda: any("signal 11" in reason for reason in self.reasons(job)), 10))
        self.stop(job)
        self.gone(job)

    def test_idle_deputies_cost_nothing(self):
        job = self.start(8, survive=True)
        self.read_all(job.mounts)
        time.sleep(0.5)

        def ticks():
            return sum(sum(map(int, copper_job.stat_fields(job.daemon(rank))[11:13])) for rank in range(job.ranks))
        before = ticks()
        time.sleep(6)
        self.assertLessEqual(ticks() - before, 8, "hundredths of a second of CPU in 6 s, of 8 daemons")


copper_job.main()
