"""Every end there is: whatever is killed, unmounted, removed or full, what lives can be stopped in order and nothing is left."""

import contextlib
import ctypes
import errno
import json
import os
import pathlib
import resource
import signal
import subprocess
import threading
import time
import unittest

import copper_job

LIBC = ctypes.CDLL(None, use_errno=True)
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "only root can mount that")


def comm(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return None


class Ends(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        for number in range(20):
            self.write(f"directory/file{number}", f"content {number}")

    def read_all(self, mounts, numbers=range(20)):
        for mount in mounts:
            for number in numbers:
                self.assertEqual(f"content {number}", pathlib.Path(f"{mount}/directory/file{number}").read_text())

    def survivors(self, job, lost):
        return [mount for rank, mount in enumerate(job.mounts) if rank not in lost]

    def kill(self, job, ranks):
        for rank in ranks:
            job.signal(rank, signal.SIGKILL)
        self.assertTrue(copper_job.until(
            lambda: not set(job.mounts[rank] for rank in ranks) & set(copper_job.mounts_below(job.root)), 10), "unmounted")

    def stop(self, job, place=None):
        begin = time.monotonic()
        stopped = job.copper("stop", place or job.directory, "--timeout", 60 * copper_job.PATIENCE, timeout=70)
        self.assertEqual(0, stopped.returncode, f"{stopped.stdout}{stopped.stderr}\n{job.last_words()}")
        self.assertLess(time.monotonic() - begin, 40 * copper_job.PATIENCE)
        return stopped

    def gone(self, job):
        self.assertIsNotNone(job.wait_for_end(), job.last_words())
        self.assertEqual([], job.left_behind())

    def exit_record(self, job):
        return json.loads(pathlib.Path(f"{job.directory}/logs/exit.json").read_text())

    def reasons(self, job):
        return [file.read_text() for file in pathlib.Path(f"{job.directory}/logs").glob("*-last_reason.txt")]

    def start_again(self, job):
        """In the same place: the next job finds what the last one left."""
        again = copper_job.Job(job.root, self.source, job.ranks)
        again.mounts = job.mounts
        self.addCleanup(again.end)
        again.start()
        self.read_all(again.mounts)
        self.stop(again)
        self.gone(again)


class LostRanks(Ends):
    """Ranks are killed, the others live on, and the job ends in order when it is told to."""

    def lose(self, ranks, lost, stop_at=None):
        job = self.start(ranks, survive=True)
        pids = [job.daemon(rank) for rank in range(ranks)]
        self.kill(job, lost)
        time.sleep(1)
        living = [copper_job.identity(pid) is not None for pid in pids]
        self.assertEqual([rank not in lost for rank in range(ranks)], living, "the others live")
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

    def test_an_inner_rank_and_a_leaf_are_killed_and_the_job_is_stopped_by_a_mount(self):
        self.lose(8, [1, 6], stop_at=4)

    def test_status_names_the_lost_also_without_rank_zero(self):
        job = self.start(survive=True)
        self.kill(job, [0])
        shown = copper_job.until(lambda: (status := job.copper("status", job.directory)).returncode == 0 and status, 20)
        self.assertTrue(shown, job.last_words())
        self.assertRegex(shown.stdout, r"(?m)^ +0 .*does not answer")
        self.assertIn("3 ranks", shown.stdout)
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
                self.assertTrue(copper_job.until(lambda j=job: j.copper("stop", j.directory).returncode == 0, 40))
                left = {job.mounts[frozen]}
                self.assertTrue(copper_job.until(lambda j=job, m=left: set(copper_job.mounts_below(j.root)) == m, 5))
                os.kill(pid, signal.SIGCONT)
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


class EverythingIsKilled(Ends):
    def test_the_launcher_is_killed_with_and_without_its_flag(self):
        for survive in (False, True):
            with self.subTest(survive=survive):
                job = self.start(survive=survive)
                job.launcher.kill()
                self.gone(job)
                self.start_again(job)

    def test_everything_but_the_mounters_is_killed(self):
        job = self.start(survive=True)
        pids = [job.launcher.pid, *copper_job.descendants(job.launcher.pid)]
        mounters = [pid for pid in pids if comm(pid) == "copper-mounter"]
        self.assertEqual(4, len(mounters))
        for pid in set(pids) - set(mounters):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gone(job)
        status = job.copper("status", job.directory, timeout=20)
        self.assertEqual(1, status.returncode)
        for rank in range(4):
            self.assertIn(f"rank {rank} on {copper_job.host()}", status.stderr)
        self.start_again(job)

    def test_everything_is_killed_and_the_next_start_heals_the_dead_mounts(self):
        job = self.start()
        pids = [job.launcher.pid, *copper_job.descendants(job.launcher.pid)]
        for pid in pids:  # none may act on the death of another
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.assertTrue(copper_job.until(lambda: job.launcher.poll() is not None and not job.alive(), 10))
        self.assertEqual(sorted(job.mounts), sorted(copper_job.mounts_below(job.root)))
        for mount in job.mounts:
            with self.assertRaises(OSError) as dead:
                os.statvfs(mount)
            self.assertEqual(errno.ENOTCONN, dead.exception.errno)
        for verb in ("stop", "status"):
            answer = job.copper(verb, job.mounts[1], timeout=20)
            self.assertEqual(1, answer.returncode)
            self.assertIn("daemon that has died", answer.stderr)
        status = job.copper("status", job.directory, timeout=20)
        self.assertIn(f"rank 3 on {copper_job.host()}, process {job.daemon(3)}: is gone without a trace", status.stderr)
        again = copper_job.Job(job.root, self.source, job.ranks)
        self.addCleanup(again.end)
        again.start()
        self.read_all(again.mounts)
        self.stop(again)
        again.wait_for_end()
        self.assertEqual([], copper_job.mounts_below(job.root))
        for mount in job.mounts:  # made by the job that was killed: the next one found them there
            os.rmdir(mount)

    def test_wait_tells_why_a_start_was_broken_off(self):
        place = self.root / "job-broken"
        (place / "mnt").mkdir(parents=True)
        job = copper_job.Job(place, self.source, 4, survive=True)
        self.addCleanup(job.end)
        job.launcher = subprocess.Popen(job.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        waiting = subprocess.Popen([copper_job.COPPER, "wait", job.directory, "--timeout", "60"],
                                   stderr=subprocess.PIPE, text=True)
        # A daemon dies when it is there, long before its start is over.
        daemons = copper_job.until(lambda: [int(copper_job.stat_fields(pid)[1]) for pid in copper_job.daemons_of(place)
                                            if comm(pid) == "copper-mounter"], 10, pause=0.001)
        job.record()
        os.kill(daemons[-1], signal.SIGKILL)
        said = waiting.communicate(timeout=60 * copper_job.PATIENCE)[1]
        if waiting.returncode == 0:
            self.skipTest("the job was ready before it could be killed")
        self.assertRegex(said, r"rank \d on .*(another rank has died|signal 9)")
        self.gone(job)


class DeadMountsOfOthers(Ends):
    """A dead mount that is not one's own Copper mount is not touched."""

    def dead_mount(self, point, kind, user):
        point.mkdir()
        descriptor = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={descriptor},rootmode=40000,user_id={user},group_id=0".encode()
        self.assertEqual(0, LIBC.mount(b"other", os.fsencode(point), kind, 0, options), os.strerror(ctypes.get_errno()))
        self.addCleanup(copper_job.unmount, str(point))
        os.close(descriptor)

    @AS_ROOT
    def test_they_stay(self):
        for name, kind, user in (("sshfs", b"fuse.sshfs", 0), ("foreign", b"fuse.copper", 12345)):
            with self.subTest(name=name):
                point = self.root / name
                self.dead_mount(point, kind, user)
                place = self.root / f"job-{name}"
                started = copper_job.run("mpiexec", "-n", 1, copper_job.CU_FUSE, "--mount", point, "--target", self.source,
                                         "--log-output-dir", place)
                self.assertEqual(2, started.returncode, started.stderr)
                self.assertIn(str(point), started.stderr)
                with open("/proc/self/mountinfo", encoding="utf-8") as table:
                    self.assertIn(f" {point} ", table.read())


class Unmounted(Ends):
    def test_one_mount_goes_lazily(self):
        job = self.start()
        copper_job.unmount(job.mounts[1])
        self.read_all(self.survivors(job, [1]))
        self.stop(job)
        self.gone(job)

    def test_all_mounts_go_lazily_while_files_are_open(self):
        job = self.start()
        with contextlib.ExitStack() as files:
            for mount in job.mounts:
                files.enter_context(open(f"{mount}/directory/file0", "rb"))
            for mount in job.mounts:
                copper_job.unmount(mount)
        self.assertEqual(0, job.wait_for_end())
        self.gone(job)

    def test_all_mounts_that_live_go_after_a_loss(self):
        job = self.start(survive=True)
        self.kill(job, [0])
        for mount in self.survivors(job, [0]):
            copper_job.unmount(mount)
        self.gone(job)


class NoSpace(Ends):
    """The job directory lies on a file system that is full."""

    def start_on_tiny(self):
        tiny = self.root / "tiny"
        tiny.mkdir()
        mounted = copper_job.run("mount", "-t", "tmpfs", "-o", "size=512k", "tiny", tiny)
        self.assertEqual(0, mounted.returncode, mounted.stderr)
        self.addCleanup(copper_job.run, "umount", "-l", tiny)
        place = self.root / "job-tiny"
        place.mkdir()
        job = copper_job.Job(place, self.source, 4, level=5)
        job.command = [word.replace(job.directory, f"{tiny}/job") for word in job.command]
        job.directory = f"{tiny}/job"
        self.addCleanup(job.end)
        return job.start(), tiny

    def fill(self, tiny):
        with open(tiny / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(4096))
        with self.assertRaises(OSError):
            (tiny / "more").write_bytes(bytes(4096))

    @AS_ROOT
    def test_it_serves_and_stops(self):
        job, tiny = self.start_on_tiny()
        self.fill(tiny)
        self.read_all(job.mounts)
        for number in range(300):  # each is a log line
            for mount in job.mounts:
                os.path.lexists(f"{mount}/absent{number}")
        status = job.copper("status", job.directory)
        self.assertIn("full", status.stderr + status.stdout)
        self.stop(job)
        self.gone(job)

    @AS_ROOT
    def test_lines_are_written_again_when_there_is_space(self):
        job, tiny = self.start_on_tiny()
        self.fill(tiny)
        self.read_all(job.mounts)
        (tiny / "filler").unlink()
        self.stop(job)
        self.assertEqual(0, self.exit_record(job)["status"])
        self.gone(job)


class NoDirectory(Ends):
    def remove(self, job):
        copper_job.run("rm", "-rf", job.directory)

    def test_the_job_directory_is_removed_and_the_job_stopped_by_a_mount(self):
        job = self.start()
        self.remove(job)
        self.read_all(job.mounts)
        self.stop(job, job.mounts[2])
        self.assertFalse(os.path.lexists(job.directory), "nor made again")
        self.gone(job)

    def test_the_job_directory_is_removed_and_the_launcher_terminated(self):
        job = self.start()
        self.remove(job)
        job.launcher.terminate()
        self.gone(job)

    def test_a_job_does_not_meddle_with_the_next_one_of_that_name(self):
        job = self.start()
        self.remove(job)
        place = self.root / "job-next"
        (place / "mnt").mkdir(parents=True)
        following = copper_job.Job(place, self.source, 2)
        following.command = [word.replace(following.directory, job.directory) for word in following.command]
        following.directory = job.directory
        self.addCleanup(following.end)
        following.start()
        for _ in range(5):
            self.assertEqual(0, following.copper("status", following.directory).returncode)
        self.stop(following)
        self.gone(following)
        self.read_all(job.mounts)
        self.stop(job, job.mounts[0])
        self.gone(job)


class Storm(Ends):
    def test_stop_in_the_middle_of_a_cold_storm(self):
        for number in range(400):
            self.write(f"storm/d{number % 20}/file{number}", os.urandom(100_000))
        job = self.start(8, survive=True)
        readers = [subprocess.Popen(["sh", "-c", f"while :; do cat {mount}/storm/d*/* || exit 0; done"], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
                   for mount in job.mounts for _ in range(2)]
        try:
            time.sleep(0.3)
            self.stop(job)
            self.assertEqual(0, job.wait_for_end())
            self.gone(job)
        finally:
            for reader in readers:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(reader.pid, signal.SIGKILL)
                reader.wait()


class NoDescriptors(Ends):
    def test_requests_fail_with_that_errno_and_nothing_else_breaks(self):
        job = self.start(1)
        pid = job.daemon(0)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        in_use = max(map(int, os.listdir(f"/proc/{pid}/fd")))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
        self.assertGreater(in_use, 3)
        self.assert_errno(errno.EMFILE, os.listdir, f"{job.mounts[0]}/directory")
        self.assert_errno(errno.EMFILE, os.stat, f"{job.mounts[0]}/directory/file1")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        self.read_all(job.mounts)
        self.stop(job)
        self.gone(job)

    def test_a_job_that_has_none_can_be_stopped(self):
        job = self.start(4)
        for rank in range(4):
            pid = job.daemon(rank)
            in_use = max(map(int, os.listdir(f"/proc/{pid}/fd")))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 1, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
        with contextlib.ExitStack() as files:
            for mount in job.mounts:
                for number in range(20):
                    with contextlib.suppress(OSError):
                        files.enter_context(open(f"{mount}/directory/file{number}", "rb")).read()
            self.stop(job, job.mounts[1])
        self.gone(job)


copper_job.main()
