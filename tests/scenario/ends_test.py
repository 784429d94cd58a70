"""Every end there is: whatever is killed, unmounted, removed or full, the job ends and nothing is left."""

import contextlib
import ctypes
import errno
import os
import pathlib
import resource
import signal
import subprocess
import time
import unittest

import copper_job
from ends import Ends

LIBC = ctypes.CDLL(None, use_errno=True)
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "only root can mount that")


def comm(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return None


class EverythingIsKilled(Ends):
    def test_the_launcher_is_killed_with_and_without_its_flag(self):
        for survive in (False, True):
            with self.subTest(survive=survive):
                job = self.start(survive=survive)
                job.launcher.kill()
                self.gone(job)
                self.start_again(job)

    def test_the_launcher_is_killed_with_its_proxy(self):
        job = self.start(survive=True)
        for pid in copper_job.children()[job.launcher.pid]:
            os.kill(pid, signal.SIGKILL)
        job.launcher.kill()
        self.gone(job)

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

        def is_dead(mount):
            with self.assertRaises(OSError) as dead:
                os.statvfs(mount)
            self.assertIn(dead.exception.errno, (errno.ENOTCONN, errno.ECONNABORTED))  # the daemon's last thread may be ending
            return dead.exception.errno == errno.ENOTCONN
        for mount in job.mounts:
            self.assertTrue(copper_job.until(lambda: is_dead(mount), 10))
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
        # Hydra may notice first, by the connection that the daemon had from it, and kill all parents before one of them has a word.
        self.assertRegex(said, r"rank \d on .*(another rank has died|signal 9|killed by the launcher)")
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

    def setUp(self):
        super().setUp()
        self.save_below_root()

    @AS_ROOT
    def test_it_serves_and_stops(self):
        job, tiny = self.start_on_tiny()
        self.fill(tiny)
        self.read_all(job.mounts)
        for number in range(300):  # each is a log line
            for mount in job.mounts:
                os.path.lexists(f"{mount}/absent{number}")
        for verb, status in (("status", 1), ("refresh", 0)):
            asked = job.copper(verb, job.directory)
            self.assertEqual(status, asked.returncode, asked.stderr)
            self.assertIn(f"the file system of {job.directory} is full: the job could not say more", asked.stderr + asked.stdout)
            self.assertNotIn("the verb alone", asked.stdout)
        self.assertIn("there was room to ask for the verb alone", job.copper("refresh", job.directory, "/directory").stdout)
        self.stop(job)
        self.gone(job)

    @AS_ROOT
    def test_it_stops_by_a_mount(self):
        job, tiny = self.start_on_tiny()
        self.read_all(job.mounts)
        self.fill(tiny)
        self.stop(job, job.mounts[1])
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
    def setUp(self):
        super().setUp()
        self.save_below_root()

    def remove(self, job):
        copper_job.run("rm", "-rf", job.directory)

    def test_verbs_say_what_is_gone_while_the_job_runs(self):
        job = self.start(2)
        control = f"{job.directory}/control"

        def said(*fragments):
            for words in (["stop", "--timeout", 5], ["status"], ["refresh"], ["snapshot"], ["cache-usage"]):
                asked = job.copper(words[0], job.directory, *words[1:])
                self.assertEqual(1, asked.returncode, asked.stdout)
                self.assertNotIn("does not answer", asked.stderr, "it was not asked")
                for fragment in (f"a job runs in {job.directory}", f"{control}, where it takes requests, is gone", *fragments):
                    self.assertIn(fragment, asked.stderr)

        copper_job.run("rm", "-rf", control)
        said(f"rank 0 on {copper_job.host()}, process {job.daemon(0)}, is there", job.mounts[0])
        copper_job.run("rm", "-rf", f"{job.directory}/logs")
        said("holds the lock")
        self.assertEqual(0, copper_job.run("mkdir", "-m", "700", control).returncode, "what it says helps")
        self.assertEqual(0, job.copper("status", job.directory).returncode)
        self.stop(job)
        self.gone(job)
        asked = job.copper("status", job.directory)
        self.assertIn("nothing running", asked.stderr)
        self.remove(job)
        self.assertIn(f"nothing running: there is no {job.directory}", job.copper("status", job.directory).stderr)

    def test_the_job_directory_is_removed_and_the_job_stopped_by_a_mount(self):
        job = self.start()
        self.remove(job)
        self.read_all(job.mounts)
        self.stop(job, job.mounts[2])
        self.assertFalse(os.path.lexists(job.directory), "nor made again")
        self.gone(job)

    def test_what_is_removed_from_under_a_quiet_job_stays_so(self):
        """The log is made with its first line, which may come at the end, and who is left behind tells of the dead."""
        job = self.start(2, level=3)
        daemon = job.daemon(1)
        self.remove(job)
        os.kill(daemon, signal.SIGSTOP)
        self.assertEqual(1, job.copper("stop", job.mounts[0], timeout=90).returncode)  # there is something to warn of
        with contextlib.suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGCONT)
        self.gone(job)
        self.assertFalse(os.path.lexists(job.directory))

    def test_a_moved_directory_is_said_to_be(self):
        job = self.start(2)
        moved = f"{job.directory}-moved"
        os.rename(job.directory, moved)
        asked = job.copper("status", moved, timeout=70)
        self.assertEqual(1, asked.returncode, asked.stdout)
        self.assertIn(f"its requests are taken in {job.directory}, where this directory was when it began: move it back", asked.stderr)
        self.assertIn(job.mounts[0], asked.stderr)
        self.assertNotIn("frozen", asked.stderr)
        os.rename(moved, job.directory)
        self.assertEqual(0, job.copper("status", job.directory).returncode, "what it says helps")
        self.stop(job)
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


class Together(Ends):
    def test_many_ask_for_the_end_at_once(self):
        job = self.start()
        early = subprocess.Popen(["sh", "-c", 'read line; exec "$@"', "sh", copper_job.COPPER, "stop", job.directory],
                                 stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        places = [job.directory] * 4 + job.mounts
        asked = [subprocess.Popen([copper_job.COPPER, "stop", place], stderr=subprocess.PIPE, text=True) for place in places]
        for place, stop in zip(places, asked):
            said = stop.communicate(timeout=60 * copper_job.PATIENCE)[1]
            if place == job.directory:
                self.assertEqual((0, ""), (stop.returncode, said))
            elif stop.returncode != 0:  # it came when the mount was gone
                self.assertIn("nothing running", said)
        self.gone(job)
        said = early.communicate("now\n", timeout=60 * copper_job.PATIENCE)[1]
        self.assertEqual((0, ""), (early.returncode, said), "it began while the job ran")
        late = job.copper("stop", job.directory)
        self.assertEqual(1, late.returncode)
        self.assertIn("nothing running", late.stderr)


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
        self.assertEqual([1], [len(lines) for lines in job.logged(r"\(ulimit -n\)")], job.last_words())
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
