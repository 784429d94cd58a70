#!/usr/bin/env python3
"""The generic launcher on one machine: what it refuses, and what it leaves alone."""

import os
import pathlib
import shutil
import signal
import subprocess
import unittest

import launchers
from launchers import copper_job

AS_ROOT = unittest.skipIf(os.geteuid() != 0, "only root can mount that, or give it away")


class Workstation(launchers.Launchers):
    def setUp(self):
        super().setUp()
        self.environment["COPPER_NODES"] = "4"

    def mpiexec(self):
        found = [pid for pid, _ in launchers.processes_naming(f"{self.root}/")
                 if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("mpiexec")]
        self.assertEqual(1, len(found))
        return found[0]


class Use(Workstation):
    def test_launch_workload_stop(self):
        launched = self.launch("-l", "4", "-T", "2", "-M", "1M", "-B", "64M", "-E", "500", "-t", "both", "-b", "0")
        self.assertRegex(launched.stdout, r"4 ranks[^\n]*min +median +max")
        self.assertRegex(launched.stdout, r"serving +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d")
        self.assertIn("address book: discover", launched.stderr)
        self.assert_serves()
        for pid in copper_job.daemons_of(self.root):
            self.assertRegex(pathlib.Path(f"/proc/{pid}/status").read_text(), r"Cpus_allowed_list:\s+0\n")
        log = next((self.job() / "logs").glob("*-output.log")).read_text()
        self.assertIn("user-facing log_level: 4", log)
        self.assertIn(" 2 trees ", log)
        stopped = self.stop()
        self.assertIn(f"results in {self.job()}", stopped.stdout)
        self.assert_nothing_left()

    def test_the_example(self):
        self.write("packages/tried.py", "print('imported from', __file__)")
        point = self.root / "mnt"
        tried = self.call(launchers.JOBSCRIPTS / "examples/workstation.sh", BASE=str(self.base), MOUNT=str(point),
                          PACKAGES=f"{self.source}/packages", PROGRAM="import tried", COPPER_NODES="1")
        self.assertEqual(0, tried.returncode, tried.stdout + tried.stderr)
        self.assertIn(f"imported from {point}{self.source}/packages/tried.py", tried.stdout)
        self.assert_nothing_left()

    def test_the_command_that_the_user_names(self):
        command = "mpiexec -n 2 -ppn 2"
        self.launch(COPPER_LAUNCH_COMMAND=command, COPPER_JOB_ID="mine", COPPER_NODES="")
        self.assert_serves(self.mounts()[:2])
        self.assertEqual("mine", self.job().name)
        self.stop(COPPER_LAUNCH_COMMAND=command, COPPER_JOB_ID="mine")
        self.assert_nothing_left()

    def test_the_book_of_a_facility(self):
        book = self.root / "site.txt"
        book.write_text(f"# of the whole site\n\nelsewhere.site 10.0.0.1\n{copper_job.host()}.site 127.0.0.1\n")
        launched = self.launch("-F", str(book))
        self.assertIn(f"address book: facility {book}", launched.stderr)
        used = (self.job() / "logs/copper_address_book.txt").read_text().splitlines()
        self.assertEqual(f"# facility: {book}", used[0])
        self.assertEqual(4, sum(line.startswith(f"{copper_job.host()} 127.0.0.1") for line in used[1:]), used)
        self.assert_serves()
        self.stop()
        self.assert_nothing_left()

    def test_two_jobs_do_not_touch_each_other(self):
        other = self.root / "other-logs"
        others = f"{self.root}/other/%r"
        self.launch()
        self.launch(base=other, mount=others)
        self.stop()
        self.assert_serves([others.replace("%r", str(rank)) for rank in range(4)])
        self.assertEqual(4, len(copper_job.mounts_below(self.root)))
        self.stop(base=other)
        self.assert_nothing_left()


class Refusals(Workstation):
    def test_a_bad_option_starts_nothing(self):
        for options, because in ((["-s", "soon"], "-s takes"), (["-a", "guess"], "-a takes"), (["-b", "x"], "-b takes"),
                                 (["-F", "/no/book"], "cannot read.*/no/book"), (["-a", "facility"], "-a facility needs"),
                                 (["extra"], "unknown argument extra"), (["-l", "9"], "log-level"), (["-q"], "-h")):
            with self.subTest(options=options):
                self.refuse(*options, because=because)

    def test_without_programs(self):
        self.refuse(because="COPPER_BIN=/usr/lib does not hold", COPPER_BIN="/usr/lib")

    def test_a_second_launch_in_the_same_job_directory(self):
        self.launch()
        self.refuse(because="running in .* already", mount=f"{self.root}/mnt2/%r")
        self.assert_serves()
        self.stop()

    def test_two_launches_at_once(self):
        first = self.start_in_background()
        second = self.start_in_background()
        self.assertEqual([0, 1], sorted([first.wait(90), second.wait(90)]), self.logs())
        self.assert_serves()
        self.stop()

    def test_a_second_launch_on_the_same_mount(self):
        self.launch()
        self.refuse(because=f"{self.root}/mnt/0 is a mount already", base=self.root / "other-logs")
        self.assert_serves()
        self.stop()

    def test_a_mount_point_with_something_in_it(self):
        point = self.root / "mnt/2"
        point.mkdir(parents=True)
        (point / "precious").write_text("data")
        self.refuse(because=f"{point} is not empty")
        self.assertEqual("data", (point / "precious").read_text())

    @AS_ROOT
    def test_a_mount_of_something_else(self):
        point = self.root / "mnt/1"
        point.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "copper-test", str(point)], check=True)
        self.addCleanup(copper_job.unmount, str(point))
        self.refuse(because=f"{point} is a mount already .tmpfs")
        self.assertIn(str(point), copper_job.mounts_below(self.root))
        copper_job.unmount(str(point))

    @AS_ROOT
    def test_a_job_directory_of_somebody_else(self):
        place = self.base / "mine"
        place.mkdir(parents=True)
        os.chown(place, 12345, 12345)
        self.refuse(because="is not yours", COPPER_JOB_ID="mine")

    def test_the_reason_of_a_failed_start_and_what_the_ranks_say(self):
        launched = self.refuse("-T", "9", because="--trees 9 is over the number of ranks")
        self.assertIn("mpiexec says:", launched.stderr)

    def test_the_first_errors_in_the_logs_of_ranks_that_say_nothing_else(self):
        programs = self.root / "bin"
        programs.mkdir()
        (programs / "copper").symlink_to(copper_job.COPPER)
        # Stands for ranks that log an error, and die before they can tell it otherwise.
        (programs / "cu_fuse").write_text("""#!/bin/bash
            while [[ $1 != --log-output-dir ]]; do shift; done
            printf '2026-01-01 [Info] (Start) good\\n2026-01-01 [Error] (Start) bad luck\\n' >"$2/logs/host-$$-output.log"
            sleep 0.5
            exit 3
            """)
        (programs / "cu_fuse").chmod(0o755)
        launched = self.refuse(because=r"mpiexec has ended before it", COPPER_BIN=str(programs))
        self.assertEqual(4, launched.stderr.count("output.log: 2026-01-01 [Error] (Start) bad luck"), launched.stderr)
        self.assertNotIn("good", launched.stderr)

    def test_a_book_without_this_host(self):
        book = self.root / "site.txt"
        book.write_text("elsewhere 10.0.0.1\n")
        self.refuse("-F", str(book), because=f"address book {book} has no line for host {copper_job.host()}")

    def test_a_network_that_is_not_there(self):
        self.refuse("-n", "cxi", because=r"has no network that fits --net-type cxi; it has:\n +net://")

    def test_cores_that_are_not_there(self):
        launched = self.refuse("-b", "4000", because="did not get ready")
        self.assertIn("taskset", launched.stderr)

    def test_when_the_time_is_over_what_was_started_ends(self):
        self.refuse("-s", "0", because="not ready in time")


class Stops(Workstation):
    def test_without_a_launch(self):
        self.assertIn("no Copper was launched in", self.stop(status=1).stderr)

    def test_a_profile_that_was_asked_for_and_is_not_there_is_a_failure(self):
        self.launch()
        record = self.job() / "logs/launch.txt"
        record.write_text(record.read_text().replace("profile no", "profile yes"))
        self.assertIn("a profile was asked for", self.stop(status=1).stderr)
        self.assert_nothing_left()

    def test_after_a_start_that_failed(self):
        self.launch()
        self.stop()
        self.refuse("-T", "9", because="--trees 9 is over the number of ranks")
        self.assertIn("has ended already: --trees 9", self.stop(status=1).stderr)

    def test_twice(self):
        self.launch()
        self.stop()
        self.assertIn("has ended already: asked to stop", self.stop().stderr)

    def test_after_the_scheduler_has_ended_the_job(self):
        self.launch()
        os.kill(self.mpiexec(), signal.SIGTERM)
        self.assert_nothing_left(30)
        self.assertIn("has ended already: SIGTERM", self.stop().stderr)

    def test_a_busy_mount_is_named_and_unmounted_under_its_user(self):
        self.launch()
        busy = subprocess.Popen(["sleep", "100"], cwd=f"{self.mounts()[1]}{self.source}/directory")
        self.addCleanup(busy.wait)
        self.addCleanup(busy.kill)
        stopped = self.stop(COPPER_BUSY_SECONDS="1")
        self.assertRegex(stopped.stderr, rf"process {busy.pid} \(sleep\) uses {self.mounts()[1]}\b")
        self.assertIsNone(busy.poll(), "it was not this script's to end")
        self.assert_nothing_left()

    def test_a_user_that_goes_in_time_is_waited_for(self):
        self.launch()
        busy = subprocess.Popen(["sleep", "2"], cwd=f"{self.mounts()[1]}{self.source}/directory")
        stopped = self.stop()
        self.assertEqual(0, busy.wait())
        self.assertNotIn("kept busy", stopped.stderr)

    def test_a_job_directory_that_vanished(self):
        self.launch()
        shutil.rmtree(self.job())
        stopped = self.stop("-v", self.mount)
        self.assertIn("has vanished", stopped.stderr)
        self.assert_nothing_left(30)

    def test_mpiexec_is_killed(self):
        self.launch()
        os.kill(self.mpiexec(), signal.SIGKILL)
        self.assert_nothing_left(30)
        self.launch()
        self.assert_serves()
        self.stop()


class Killed(launchers.Killed, Workstation):
    pass


if __name__ == "__main__":
    copper_job.main()
