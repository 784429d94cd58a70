"""The source hangs, for ever, while the job ends: the end needs nothing of it, so it comes in time, and what it says is true."""

import os
import pathlib
import signal
import subprocess
import time

import h5py

import copper_job
import slow_source
from ends import Ends

AT_ONCE = 20  # seconds that the end may take: several times what it does on an idle machine, and far from any deadline


class HangingSource(Ends):
    """Each rank has a reader whose read of the source hangs."""

    def setUp(self):
        super().setUp()
        for rank in range(4):
            self.write(f"hanging{rank}/file", f"hanging {rank}")
        self.hanging = slow_source.SlowSource(self.source, [self.root / "mounted"])
        self.hanging.start()
        self.addCleanup(self.hanging.end)  # after the job's end
        self.addCleanup(self.thaw)

    def thaw(self):
        """Whatever is still held by the source goes on."""
        self.hanging.signal(signal.SIGCONT)

    def start_hanging(self, ranks, **settings):
        """Of 4, each of `ranks` has a reader that waits; all of them know more."""
        # As many trees as ranks: every rank is the root of some names, and reads the source.
        job = self.start(4, target=self.root / "mounted",
                         options=["--shared-fs", self.root / "mounted", "--profile-paths-full"], **settings)
        self.read_all(job.mounts)
        self.hanging.hang("read", "/hanging*")
        self.readers = [subprocess.Popen(["cat", f"{job.mounts[rank]}/hanging{rank}/file"], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for rank in ranks]
        self.hanging.wait_until_hanging(len(ranks))
        return job

    def interrupt_readers(self):
        for reader in self.readers:
            reader.kill()
        for reader in self.readers:
            reader.wait(10 * copper_job.PATIENCE)

    def assert_stops(self, job, place=None):
        begin = time.monotonic()
        stopped = job.copper("stop", place or job.directory, "--timeout", 50 * copper_job.PATIENCE, timeout=60)
        took = time.monotonic() - begin
        print(f"stopped after {took:.1f} s: {stopped.stdout}{stopped.stderr}", flush=True)
        self.assertEqual(0, stopped.returncode, f"{stopped.stdout}{stopped.stderr}\n{job.last_words()}")
        self.assertLess(took, AT_ONCE * copper_job.PATIENCE)
        return stopped

    def assert_whole(self, job, lost=()):
        """One profile, of all that are not lost; and no other word of the end."""
        self.assertEqual(list(lost), self.exit_record(job)["lost"])
        self.assertEqual(0, self.exit_record(job)["status"])
        self.assertEqual(["copper_profile.h5"], os.listdir(f"{job.directory}/profiling/final"))
        with h5py.File(f"{job.directory}/profiling/final/copper_profile.h5") as profile:
            self.assertEqual(sorted(set(range(4)) - set(lost)), sorted(profile["ranks"]["rank"]))
            self.assertEqual(list(lost), list(profile["missing_ranks"]))

    def test_stop_with_a_hanging_read_on_any_rank(self):
        for rank in range(4):
            with self.subTest(rank=rank):
                job = self.start_hanging([rank])
                self.interrupt_readers()
                self.assert_stops(job)
                self.assertEqual(0, job.wait_for_end())
                self.assert_whole(job)
                self.assertEqual([], self.reasons(job))
                self.gone(job)
                self.hanging.clear()

    def test_stop_with_hanging_reads_on_all_ranks_while_their_readers_wait(self):
        job = self.start_hanging(range(4))
        self.assert_stops(job)
        for reader in self.readers:
            self.assertNotEqual(0, reader.wait(10 * copper_job.PATIENCE))
        self.assertEqual(0, job.wait_for_end())
        self.assert_whole(job)
        self.gone(job)

    def test_stop_through_a_mount(self):
        job = self.start_hanging(range(4))
        self.interrupt_readers()
        self.assert_stops(job, job.mounts[2])
        self.assertEqual(0, job.wait_for_end())
        self.gone(job)

    def test_stop_after_a_loss(self):
        for lost in (0, 3):
            with self.subTest(lost=lost):
                job = self.start_hanging(range(4), survive=True)
                self.interrupt_readers()
                self.kill(job, [lost])
                stopped = self.assert_stops(job)
                self.assertRegex(stopped.stderr, rf"rank {lost} \(")
                self.gone(job)
                self.assert_whole(job, [lost])
                self.hanging.clear()

    def test_the_launcher_is_told_to_end(self):
        for lost in ([], [2]):
            with self.subTest(lost=lost):
                job = self.start_hanging(range(4), survive=True)
                self.kill(job, lost)
                job.launcher.send_signal(signal.SIGTERM)
                begin = time.monotonic()
                self.gone(job)
                self.assertLess(time.monotonic() - begin, 30 * copper_job.PATIENCE)
                self.assert_whole(job, lost)
                self.interrupt_readers()
                self.hanging.clear()

    def test_a_thread_that_the_kernel_holds_keeps_its_process_alone(self):
        job = self.start_hanging([1])
        self.hanging.signal(signal.SIGSTOP)  # answers no interrupt either: a killed thread waits on, in state D
        self.interrupt_readers()
        held = self.daemons_in_the_source(job)
        stopped = self.assert_stops(job)
        self.assertIsNotNone(job.wait_for_end(), "the launcher has ended")
        self.assertEqual([], copper_job.mounts_below(job.root))
        self.assertEqual([], job.alive(), "but for what has ended as far as it can")
        remaining = [pid for pid in held if os.path.exists(f"/proc/{pid}")]
        self.assertTrue(remaining, "else this tests nothing")
        for pid in remaining:
            self.assertRegex(stopped.stderr, rf"process {pid}\b")
        self.assert_whole(job)
        self.thaw()
        self.gone(job)

    def test_a_killed_daemon_whose_thread_the_kernel_holds_leaves_no_mount(self):
        job = self.start_hanging([1], survive=True)
        self.hanging.signal(signal.SIGSTOP)
        self.interrupt_readers()
        held = self.daemons_in_the_source(job)
        self.assertTrue(held)
        for pid in held:
            os.kill(pid, signal.SIGKILL)
        ranks = [rank for rank in range(4) if job.daemon(rank) in held]
        mounts = {job.mounts[rank] for rank in ranks}
        self.assertTrue(copper_job.until(lambda: not mounts & set(copper_job.mounts_below(job.root)), 20))
        stopped = self.assert_stops(job)
        self.assertRegex(stopped.stderr, rf"rank {ranks[0]} \(")
        # The launcher alone waits on: the kernel keeps open what it gave to the daemon.
        waiting = {"mpiexec", "hydra_pmi_proxy"}
        self.assertTrue(copper_job.until(lambda: not [pid for pid in job.alive() if pid not in held
                                                      and self.name_of(pid) not in waiting], 20), job.alive())
        self.assertIn("the kernel holds a thread", "".join(self.reasons(job)))
        self.thaw()
        self.gone(job)

    @staticmethod
    def name_of(pid):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()

    def daemons_in_the_source(self, job):
        """pids of daemons that have a thread in a read of the source: it sleeps in the kernel's FUSE code."""
        found = []
        for rank in range(4):
            pid = job.daemon(rank)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                name = (task / "comm").read_text().strip()
                number = (task / "syscall").read_text().split()[0]
                if name in ("copper-source", "copper-detour") and number == "17":  # pread64
                    found.append(pid)
        return sorted(set(found))


copper_job.main()
