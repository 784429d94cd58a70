"""Names that are not there: ENOENT at once, until the time to live is over; with -1 for the whole job."""

import errno
import os
import time

import copper_job


class AbsentNames(copper_job.Scenario):
    def test_an_absent_name_is_absent(self):
        self.write("directory/present", b"1")
        job = self.start()
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/absent")
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/directory/absent")
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/no/such/directory")
            self.assert_errno(errno.ENOTDIR, os.lstat, f"{mount}/directory/present/below")
            self.assertEqual(b"1", copper_job.pathlib.Path(f"{mount}/directory/present").read_bytes())

    def appears(self, job, name):
        return [copper_job.until(lambda: os.path.lexists(f"{mount}/{name}"), 10) for mount in job.mounts]

    def test_a_name_made_later_appears_when_its_time_is_over(self):
        self.write("directory/present")
        time.sleep(2.1)  # so that the listing may answer for absent names
        job = self.start(options=["--md-enoent-ttl-ms", 300])
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/directory/later")
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/later")
        self.write("directory/later", b"new")
        self.write("later", b"new")
        self.assertTrue(all(self.appears(job, "directory/later")))
        self.assertTrue(all(self.appears(job, "later")))
        for mount in job.mounts:
            self.assertEqual(b"new", copper_job.pathlib.Path(f"{mount}/directory/later").read_bytes())
            self.assertEqual({"present", "later"}, set(os.listdir(f"{mount}/directory")))

    def test_names_that_come_one_after_the_other(self):
        (self.source / "directory").mkdir()
        job = self.start(options=["--md-enoent-ttl-ms", 100])
        for number in range(3):
            name = f"directory/step{number}"
            self.assertFalse(any(os.path.lexists(f"{mount}/{name}") for mount in job.mounts))
            self.write(name)
            self.assertTrue(all(self.appears(job, name)), name)

    def test_with_minus_one_a_name_stays_absent_for_the_job(self):
        self.write("directory/present")
        job = self.start(options=["--md-enoent-ttl-ms", -1])
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/directory/later")
        self.write("directory/later")
        time.sleep(2.5)
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/directory/later")


copper_job.main()
