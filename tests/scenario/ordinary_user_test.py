"""Copper as an ordinary user: fusermount3 mounts, file modes hold, nobody else gets in. As root see ordinary_user.py."""

import errno
import os
import pathlib
import sys

import copper_job
import ordinary_user
import source_tree


class OrdinaryUser(copper_job.Scenario):
    def test_the_whole_source(self):
        source_tree.build(os.fsencode(self.source))
        job = self.start()
        for mount in job.mounts:
            complaints = source_tree.difference(os.fsencode(self.source), os.fsencode(mount))
            self.assertFalse(complaints, "\n".join(complaints))

    def test_the_mount_is_what_it_should_be(self):
        job = self.start(2)
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            lines = [line.split() for line in table if f" {job.root}/" in line]
        self.assertEqual(2, len(lines))
        for line in lines:
            kind, super_options = line[line.index("-") + 1], line[-1].split(",")
            self.assertEqual("fuse.copper", kind)
            self.assertLessEqual({"ro", "nosuid", "nodev"}, set(line[5].split(",")))
            self.assertIn("default_permissions", super_options)
            self.assertIn(f"user_id={os.geteuid()}", super_options)
            self.assertNotIn("allow_other", super_options)

    def test_a_file_that_may_not_be_read(self):
        """EACCES for this path only; never an empty file."""
        self.write("secret", b"secret", 0o000)
        self.write("beside", b"beside")
        self.write("closed/inner", b"inner")
        (self.source / "closed").chmod(0o000)
        self.write("search only/inner", b"inner")
        (self.source / "search only").chmod(0o111)
        job = self.start()
        for mount in job.mounts:
            for _ in range(2):
                self.assert_errno(errno.EACCES, os.open, f"{mount}/secret", os.O_RDONLY)
                self.assertEqual(6, os.lstat(f"{mount}/secret").st_size)
                self.assert_errno(errno.EACCES, os.listdir, f"{mount}/closed")
                self.assert_errno(errno.EACCES, os.lstat, f"{mount}/closed/inner")
                self.assert_errno(errno.EACCES, os.listdir, f"{mount}/search only")
                self.assertEqual(b"inner", pathlib.Path(f"{mount}/search only/inner").read_bytes())
                self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/search only/absent")
                self.assertEqual(b"beside", pathlib.Path(f"{mount}/beside").read_bytes())

    def test_somebody_elses_file(self):
        job = self.start(2, target="/")
        for mount in job.mounts:
            self.assert_errno(errno.EACCES, os.open, f"{mount}/etc/shadow", os.O_RDONLY)
            self.assertEqual(os.lstat("/etc/shadow").st_size, os.lstat(f"{mount}/etc/shadow").st_size)
            self.assert_errno(errno.EACCES, os.listdir, f"{mount}/root")

    def test_sigkill_leaves_nothing(self):
        job = self.start()
        for rank in range(job.ranks):
            job.signal(rank, copper_job.signal.SIGKILL)
        job.wait_for_end()
        self.assertEqual([], job.left_behind())

    def test_bad_places(self):
        place = self.root / "closed"
        place.mkdir(mode=0o500)
        for name, options in (("job", ["--log-output-dir", place / "job", "--mount", f"{self.root}/mnt%r"]),
                              ("mnt", ["--log-output-dir", self.root / "job", "--mount", f"{place}/mnt%r"])):
            with self.subTest(name=name):
                done = copper_job.run("mpiexec", "-n", "2", copper_job.CU_FUSE, "--target", self.source, *options)
                self.assertEqual(2, done.returncode, done.stdout + done.stderr)
                self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
                self.assertIn(f"{place}/{name}", done.stderr)

    def test_a_target_that_may_not_be_read(self):
        target = self.root / "unreadable"
        target.mkdir(mode=0o000)
        done = copper_job.run("mpiexec", "-n", "2", copper_job.CU_FUSE, "--target", target, "--mount", f"{self.root}/mnt%r",
                              "--log-output-dir", self.root / "job")
        self.assertEqual(2, done.returncode, done.stdout + done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
        self.assertIn(str(target), done.stderr)
        target.chmod(0o700)


if ordinary_user.is_root():
    sys.exit(ordinary_user.again_as_nobody())
copper_job.main()
