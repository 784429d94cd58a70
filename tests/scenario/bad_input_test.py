"""Bad input: exit status 2, one message that says what and where, nothing mounted, nobody left waiting."""

import contextlib
import os
import re
import socket
import subprocess
import unittest

import copper_job

as_root = unittest.skipUnless(os.geteuid() == 0, "only root can prepare this")


class BadInput(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.job_directory = self.root / "job"
        self.mount = self.root / "mnt"
        self.mount.mkdir()

    def launch(self, *options, ranks=2, mount=None, target=None, job_directory=None, prefix=()):
        """Runs a job that has to be refused. An option of None is left out."""
        given = {"--mount": mount or f"{self.mount}/%r", "--target": target or self.source,
                 "--log-output-dir": job_directory or self.job_directory}
        words = [str(word) for name, value in given.items() if value != "absent" for word in (name, value)]
        command = [*prefix, "mpiexec", "-n", str(ranks), copper_job.CU_FUSE, *words, *map(str, options)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, start_new_session=True)
        with process:
            try:
                stdout, stderr = process.communicate(timeout=15 * copper_job.PATIENCE)
            except subprocess.TimeoutExpired:
                self.fail(f"it was not refused: {command}")
            finally:
                process.kill()
                for pid in copper_job.daemons_of(self.root):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, copper_job.signal.SIGKILL)
        return process.returncode, stdout, stderr

    def refused(self, *options, says, lists=False, **where):
        """`says`: what the message must name; `lists`: it goes on with what there is, on lines that are indented."""
        status, stdout, stderr = self.launch(*options, **where)
        said = f"{options} {where}:\n{stdout}{stderr}"
        self.assertEqual(2, status, said)
        self.assertTrue(stderr.startswith("cu_fuse: "), said)
        more = [line for line in stderr.splitlines()[1:] if not (lists and line.startswith("  "))]
        self.assertEqual([], more, f"more than one message from {said}")
        for fragment in says:
            self.assertIn(str(fragment), stderr, said)
        self.assertEqual([], [line for line in stdout.splitlines() if line.strip()], "the message belongs on stderr")
        mounted = [point for point in copper_job.mounts_below(self.root) if point != getattr(self, "foreign_mount", None)]
        self.assertEqual([], mounted)
        copper_job.until(lambda: not copper_job.daemons_of(self.root), 5)
        self.assertEqual([], copper_job.daemons_of(self.root))

    # Options

    def test_an_unknown_option(self):
        self.refused("--no-such-option", says=["--no-such-option"])
        self.refused("-no_such_option", "3", says=["no-such-option"])
        self.refused("stray", says=["stray"])

    def test_bad_numbers(self):
        for option, value in (("--trees", "many"), ("--trees", "0"), ("--trees", "-1"), ("--fanout", "0"), ("--fanout", "two"),
                              ("--log-level", "6"), ("--log-level", "-1"), ("--log-level", "x"), ("--threads", "-3"),
                              ("--threads", "1.5"), ("--md-enoent-ttl-ms", "-2"), ("--md-enoent-ttl-ms", "soon"),
                              ("--max-cacheable-byte-size", "12Q"), ("--max-cacheable-byte-size", "-1"),
                              ("--trees", "99999999999999999999")):
            with self.subTest(option=option, value=value):
                self.refused(option, value, says=[option, value])

    def test_established_spellings_are_checked_too(self):
        self.refused("-log_level", "9", says=["log-level", "9"])

    def test_a_value_that_is_missing(self):
        self.refused("--trees", says=["--trees"])

    def test_bad_words(self):
        self.refused("--log-type", "paper", says=["--log-type", "paper"])

    def test_bad_words_about_the_address_book(self):
        self.refused("--address-book-source", "phone", says=["--address-book-source", "phone"])
        self.refused("--address-book-source", "facility", says=["--facility-address-book"])
        self.refused("--facility-address-book", "book", says=["--address-book-source"])

    def test_placeholders_of_a_mount_point(self):
        self.refused(mount=self.mount / "%q", says=["--mount", self.mount / "%q", "'%q'", "%r", "%h"])
        self.refused(job_directory=self.root / "job-%r", says=["--log-output-dir", self.root / "job-%r"])

    def test_required_options(self):
        self.refused(mount="absent", says=["--mount"])
        self.refused(job_directory="absent", says=["--log-output-dir"])

    def test_impossible_combinations(self):
        self.refused("--trees", "3", says=["--trees", "3", "2"])
        self.refused(mount=self.source.parent, says=["--mount", "--target"])

    def test_a_job_directory_in_a_mount_leaves_nothing_there(self):
        """A mount point has to be empty: what a refused start leaves would be in the next one's way."""
        (self.root / "link").symlink_to("mnt")
        new = self.mount / "new"
        for mount, job_directory in ((new, new), (new, new / "job"), (self.mount / "%r", self.mount / "1"),
                                     (self.mount / "%r", self.mount / "0/job"), (self.root / "link/%r", self.mount / "1/job"),
                                     (self.mount / "%r", self.root / "link/1")):
            with self.subTest(mount=mount, job_directory=job_directory):
                self.refused(mount=mount, job_directory=job_directory, says=["--mount", "would hide the job directory"])
                self.assertEqual([], list(self.mount.iterdir()))

    # Places

    def test_a_target_that_is_not_there(self):
        self.refused(target=self.root / "nowhere", says=[self.root / "nowhere"])

    def test_a_target_that_is_a_file(self):
        self.refused(target=self.write("file"), says=[self.source / "file"])

    def test_a_shared_file_system_that_is_not_there(self):
        self.refused("--shared-fs", "/", "--shared-fs", self.root / "nowhere", says=["--shared-fs", self.root / "nowhere"])

    def test_a_mount_point_that_is_a_file(self):
        (self.mount / "0").touch()
        self.refused(says=[self.mount / "0"])
        self.assertTrue((self.mount / "0").is_file())

    def test_only_one_rank_has_a_bad_mount_point(self):
        (self.mount / "1").touch()
        self.refused(says=[self.mount / "1"])
        self.assertFalse(os.path.lexists(self.mount / "0"), "a mount point that was made is removed again")

    def test_a_mount_point_that_is_not_empty(self):
        (self.mount / "0").mkdir()
        (self.mount / "0/precious").touch()
        self.refused(says=[self.mount / "0", "empty"])
        self.assertTrue((self.mount / "0/precious").exists())

    @as_root
    def test_somebody_elses_mount_point(self):
        (self.mount / "0").mkdir()
        os.chown(self.mount / "0", 12345, 12345)
        self.refused(says=[self.mount / "0"])

    @as_root
    def test_a_mount_point_reached_through_somebody_elses_symlink(self):
        (self.root / "mine").mkdir()
        link = self.root / "link"
        link.symlink_to("mine")
        os.lchown(link, 12345, 12345)
        self.refused(mount=f"{link}/%r", says=[link])

    @as_root
    def test_a_mount_point_that_is_a_mount_already(self):
        (self.mount / "0").mkdir()
        self.foreign_mount = str(self.mount / "0")
        self.assertEqual(0, copper_job.run("mount", "-t", "tmpfs", "none", self.foreign_mount).returncode)
        self.refused(says=[self.mount / "0"])
        self.assertEqual([self.foreign_mount], copper_job.mounts_below(self.root), "somebody else's mount is left alone")

    def test_two_ranks_with_one_mount_point(self):
        self.refused(mount=self.mount / "same", says=[self.mount / "same"])

    def test_a_job_directory_that_cannot_be_written(self):
        blocked = self.write("a file, not a directory")
        self.refused(job_directory=f"{blocked}/job", says=[f"{blocked}"])

    @as_root
    def test_somebody_elses_job_directory(self):
        (self.root / "his/control").mkdir(parents=True)
        for place in ("his", "his/control"):
            os.chown(self.root / place, 12345, 12345)
        self.refused(job_directory=self.root / "his", says=[self.root / "his"])

    # The machine

    def test_a_limit_on_open_files(self):
        """Too low even for MPI, or for what is read at once: in either case how many are needed, before anything is mounted."""
        for limit in (20, 32, 64, 96):
            with self.subTest(limit=limit):
                self.refused(prefix=["bash", "-c", f'ulimit -n {limit} && exec "$@"', "bash"],
                             says=["needs up to ", " open files", f"may have {limit}", "ulimit -Hn"])
        self.refused("--source-ops", 1000, prefix=["bash", "-c", 'ulimit -n 400 && exec "$@"', "bash"], says=["may have 400"])

    @as_root
    def test_no_dev_fuse(self):
        script = ("mkdir dev && mount -t tmpfs none dev && mkdir dev/shm dev/pts && mount --rbind /dev/shm dev/shm && "
                  "for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done && "
                  'mount --rbind dev /dev && exec "$@"')
        self.refused(prefix=["unshare", "--mount", "sh", "-c", f"cd {self.root} && {script}", "sh"], says=["/dev/fuse"])

    def test_no_usable_provider(self):
        self.refused("--net-type", "nosuch", says=["nosuch"], lists=True)
        self.refused("--net-type", "tcp://nosuch0", says=["nosuch0"], lists=True)
        self.refused("--net-type", "tcp://a/b", says=["tcp://a/b"], lists=True)

    def test_a_port_in_use(self):
        job = self.start(1)
        host, address = copper_job.pathlib.Path(f"{job.directory}/logs/copper_address_book.txt").read_text().split()
        job.stop()
        where, port = re.search(r"([0-9.]+):(\d+)", address).groups()
        book = self.root / "book.txt"
        book.write_text(f"{host} {address}\n")
        with socket.socket() as busy:
            busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            busy.bind((where, int(port)))
            busy.listen()
            self.refused("--address-book-source", "facility", "--facility-address-book", book, ranks=1,
                         says=[f"{where}:{port}", f"{book}, line 1", f"host {host}", "in use"])

    def test_facility_books_that_are_wrong(self):
        book = self.root / "book.txt"
        facility = ["--address-book-source", "facility", "--facility-address-book", book]
        self.refused(*facility, says=[book])
        book.write_text("another-host 127.0.0.1\n")
        self.refused(*facility, says=[book, copper_job.host()])
        book.write_text(f"{copper_job.host()} 203.0.113.77\n")  # not an address of this machine
        self.refused(*facility, ranks=1, says=["203.0.113.77", f"{book}, line 1", copper_job.host(), "127.0.0.1"])
        book.write_text(f"{copper_job.host()} 127.0.0.1\n# twice\n{copper_job.host()}.site 127.0.0.2\n")
        self.refused(*facility, says=[book, copper_job.host(), "127.0.0.1 in line 1", "127.0.0.2 in line 3"])
        book.write_text(f"\n{copper_job.host()} 127.0.0.1:4242\n")
        self.refused(*facility, says=[f"{book}, line 2", copper_job.host(), "127.0.0.1:4242", "without the port"])
        book.write_text(f"{copper_job.host()}\n")
        self.refused(*facility, says=[f"{book}, line 1", copper_job.host()])

    def test_a_world_that_does_not_fit_the_scheduler(self):
        """Two processes started by something whose MPI is another one: each believes that it is rank 0 of 1."""
        environment = {**os.environ, "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_NTASKS": "2"}
        done = copper_job.run(copper_job.CU_FUSE, "--mount", f"{self.mount}/%r", "--target", self.source, "--log-output-dir",
                              self.job_directory, env=environment)
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertIn("rank 0 of 1", done.stderr)
        self.assertEqual([], copper_job.mounts_below(self.root))


class BadVerbs(copper_job.Scenario):
    """The `copper` program."""

    def test_wait_for_a_job_that_is_not_there(self):
        done = copper_job.run(copper_job.COPPER, "wait", self.root / "nothing", "--timeout", "1")
        self.assertEqual(1, done.returncode)
        self.assertIn(str(self.root / "nothing"), done.stdout + done.stderr)

    def test_wait_where_no_job_can_be(self):
        def refused(place, says):
            done = copper_job.run(copper_job.COPPER, "wait", place, "--timeout", 600)
            self.assertEqual(1, done.returncode)
            self.assertIn(says, done.stderr)
        file = self.write("file")
        refused(file, f"{file} is not a directory")
        refused(file / "below", f"{file}/below is not a directory")
        job = self.start(1)
        refused(job.mounts[0], f"{job.mounts[0]} is a mount of the job in {job.directory}: give that directory")

    def test_stop_of_a_job_that_is_not_there(self):
        done = copper_job.run(copper_job.COPPER, "stop", self.root / "nothing", "--timeout", "2")
        self.assertNotEqual(0, done.returncode)
        self.assertIn(str(self.root / "nothing"), done.stdout + done.stderr)

    def test_unknown_verbs_and_options(self):
        for words in (["dance"], ["wait"], ["stop"], ["wait", self.root, "--fast"], ["wait", self.root, "--timeout", "x"], []):
            with self.subTest(words=words):
                done = copper_job.run(copper_job.COPPER, *words)
                self.assertEqual(2, done.returncode, done.stdout + done.stderr)
                self.assertTrue(done.stderr.strip())

    def test_a_timeout_that_is_no_time(self):
        for given in ("x", "-1", "1e300", "nan", "10s"):
            for verb in ("wait", "stop"):
                with self.subTest(given=given, verb=verb):
                    done = copper_job.run(copper_job.COPPER, verb, self.root, "--timeout", given)
                    self.assertEqual(2, done.returncode, done.stderr)
                    self.assertIn(f"--timeout: '{given}' is no number of seconds from 0 to 2592000\n", done.stderr)

    def test_wait_tells_why_the_job_died(self):
        done = copper_job.run("mpiexec", "-n", "2", copper_job.CU_FUSE, "--mount", f"{self.root}/mnt/%r", "--target",
                              self.root / "nowhere", "--log-output-dir", self.root / "job")
        self.assertEqual(2, done.returncode)
        waited = copper_job.run(copper_job.COPPER, "wait", self.root / "job", "--timeout", "5")
        self.assertEqual(1, waited.returncode)
        self.assertIn("nowhere", waited.stdout + waited.stderr)


copper_job.main()
