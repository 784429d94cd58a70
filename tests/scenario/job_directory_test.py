"""What a job leaves in its job directory, and the lines that sites look for in its logs."""

import json
import os
import pathlib
import re
import shutil
import stat
import time
import unittest

import copper_job

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d-\d\d-\d\d\.\d{3} \[(Fatal|Error|Warning|Info|Debug)\] \([^)]+\) .+")


class JobDirectory(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.write("directory/file", b"content")

    def read_all(self, job):
        for mount in job.mounts:
            self.assertEqual(b"content", pathlib.Path(f"{mount}/directory/file").read_bytes())

    def test_addresses_and_readiness(self):
        job = self.start()
        logs = pathlib.Path(f"{job.directory}/logs")
        self.assertEqual([copper_job.host()] * 4, (logs / "node_file.txt").read_text().split())
        book = [line.split(" ") for line in (logs / "copper_address_book.txt").read_text().splitlines()]
        self.assertEqual([copper_job.host()] * 4, [line[0] for line in book])
        self.assertEqual(4, len({line[1] for line in book}), "every rank has its own address")
        ready = json.loads((logs / "ready.json").read_text())
        self.assertEqual(4, ready["ranks"])
        self.assertEqual([line[1] for line in book], ready["addresses"])
        self.assertEqual(job.mounts, ready["mounts"])
        for pid in ready["pids"]:
            self.assertEqual("cu_fuse", pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        for phase in ready["timings_us"].values():
            self.assertLessEqual(phase["min"], phase["max"])
        self.assertEqual(0o700, stat.S_IMODE(os.stat(f"{job.directory}/control").st_mode))

    def test_every_line_has_its_form(self):
        job = self.start(level=5)
        self.read_all(job)
        for log in job.logs():
            self.assertRegex(log.name, rf"^{re.escape(copper_job.host())}-\d+-output\.log$")
            for line in log.read_text().splitlines():
                self.assertRegex(line, LINE)

    def test_the_lines_that_sites_look_for(self):
        job = self.start()
        self.read_all(job)
        for line in (r"user-facing log_level: 4", r"profile_metrics: disabled", r"profile_top_n: 0",
                     r"profile_paths_full: disabled", r"server running at address: \S+",
                     r"provider registration completed after \d+ us"):
            self.assertEqual(4, len(job.logged(rf"^[^)]+\) {line}$", ranks=4)), line)
        self.assertTrue(job.logged(r"\) first successful parent rpc_\w+ completed after \d+ us since provider startup; path=/"))

    def test_a_quiet_job_creates_no_log(self):
        for level in (0, 3, None):
            with self.subTest(level=level):
                job = self.start(2, level=level)
                self.read_all(job)
                with self.assertRaises(FileNotFoundError):
                    os.lstat(f"{job.mounts[0]}/absent")
                job.stop()
                job.wait_for_end()
                self.assertEqual([], job.logs(), [log.read_text() for log in job.logs()])

    def test_logs_on_stdout(self):
        for kind, files in (("stdout", 0), ("both", 2), ("file_and_stdout", 2)):
            with self.subTest(kind=kind):
                job = self.start(2, options=["-log_type", kind])
                job.stop()
                job.wait_for_end()
                self.assertEqual(files, len(job.logs()))
                said = pathlib.Path(f"{job.root}/launcher.txt").read_text()
                self.assertEqual(2, said.count("user-facing log_level: 4"), said)

    def test_a_second_job_in_the_same_directory(self):
        place = self.root / "place"
        place.mkdir()
        ids = []
        for _ in range(2):
            job = copper_job.Job(place, self.source, 2)
            self.addCleanup(job.end)
            job.start()
            ids.append(json.loads(pathlib.Path(f"{job.directory}/logs/ready.json").read_text())["job"])
            job.stop()
            job.wait_for_end()
            self.assertEqual([], job.left_behind())
        self.assertNotEqual(*ids)

    def test_the_live_view_in_every_mount(self):
        job = self.start()
        for mount in job.mounts:
            for name in ("status.json", "cache_usage.json", "job_directory.json"):
                json.loads(pathlib.Path(f"{mount}/.copper/{name}").read_text())
            self.assertEqual(pathlib.Path(f"{job.directory}/logs/copper_address_book.txt").read_text(),
                             pathlib.Path(f"{mount}/.copper/address_book.txt").read_text())
            before = pathlib.Path(f"{mount}/.copper/status.json").read_text()
            pathlib.Path(f"{mount}/directory/file").read_bytes()
            for number in range(3):
                os.path.lexists(f"{mount}/absent{number}")
            self.assertNotEqual(before, pathlib.Path(f"{mount}/.copper/status.json").read_text(), "each look is a fresh one")
            self.assertNotIn(".copper", os.listdir(mount))

    def test_status_of_a_job_and_of_a_mount(self):
        job = self.start()
        self.read_all(job)
        for place in (job.directory, job.mounts[1]):
            status = job.copper("status", place)
            self.assertEqual(0, status.returncode, status.stderr)
            self.assertIn("4", status.stdout)

    def test_idle_costs_nothing(self):
        job = self.start()
        self.read_all(job)
        time.sleep(0.5)

        def ticks():
            return sum(sum(map(int, copper_job.stat_fields(job.daemon(rank))[11:13])) for rank in range(job.ranks))
        before = ticks()
        time.sleep(4)
        self.assertLessEqual(ticks() - before, 4, "hundredths of a second of CPU in 4 s, of 4 daemons")


class OfAnotherUser(copper_job.Scenario):
    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_every_verb_says_whose_job_it_is(self):
        job = self.start(1)
        for path in (self.root, job.root, job.directory):
            os.chmod(path, 0o711)
        # The programs may lie where nobody else gets.
        program = self.root / "copper"
        shutil.copy(copper_job.COPPER, program)
        for place in (job.directory, job.mounts[0]):
            for words in (["status"], ["stop", "--timeout", 5], ["refresh"], ["wait", "--timeout", 600]):
                with self.subTest(place=place, verb=words[0]):
                    asked = copper_job.run("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", program, words[0], place,
                                           *words[1:])
                    self.assertEqual(1, asked.returncode, asked.stdout)
                    self.assertIn("this job is of user root (0)", asked.stderr)


copper_job.main()
