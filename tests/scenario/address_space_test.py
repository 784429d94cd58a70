"""A limit on what a process may map (`ulimit -v`): a daemon says why it can't start, or serves, or why it ends."""

import errno
import os
import pathlib
import resource
import unittest

import copper_job
import source_tree

MIB = 1 << 20


@unittest.skipIf(copper_job.PATIENCE > 1, "a sanitizer maps terabytes")
class AddressSpace(copper_job.Scenario):
    def job(self, kib):
        place = self.root / f"job-{kib}"
        place.mkdir()
        job = copper_job.Job(place, self.source, ranks=2)
        job.command = ["bash", "-c", f'ulimit -v {kib}; exec "$@"', "-", *job.command]
        self.addCleanup(job.kill)
        return job

    def read_everything(self, job):
        """How many files came; what did not says that there was no memory."""
        came = 0
        for mount in job.mounts:
            for name in self.names:
                found = source_tree.digest(f"{mount}/{name}")
                if found == os.strerror(errno.ENOMEM):
                    continue
                self.assertEqual(source_tree.digest(self.source / name), found, name)
                came += 1
        return came

    def test_no_memory_is_left(self):
        """What asks for much, as for a chunk, fails; what asks for little ends its rank with a reason, and no other one."""
        self.write("file", os.urandom(24 * MIB))
        (self.source / "many").mkdir()
        self.write("many/0", b"x")
        for number in range(1, 30_000):
            os.link(self.source / "many/0", self.source / f"many/{number}")
        place = self.root / "job"
        place.mkdir()
        job = copper_job.Job(place, self.source, ranks=2, survive=True)
        self.addCleanup(job.kill)
        job.start()
        daemon = job.daemon(1)
        used = int(pathlib.Path(f"/proc/{daemon}/status").read_text().split("VmData:")[1].split()[0]) << 10
        resource.prlimit(daemon, resource.RLIMIT_DATA, (used + 4 * MIB,) * 2)
        self.assert_errno(errno.ENOMEM, pathlib.Path(f"{job.mounts[1]}/file").read_bytes)
        self.assertEqual("x", pathlib.Path(f"{job.mounts[1]}/many/7").read_text())
        with self.assertRaises(OSError):
            for number in range(30_000):
                os.stat(f"{job.mounts[1]}/many/{number}")
        self.assertTrue(copper_job.until(lambda: "no memory is left" in self.reasons(job), 30), job.last_words())
        self.assertIn(f"rank 1 on {copper_job.host()}, process {daemon}: ", self.reasons(job))
        self.assertEqual((self.source / "file").read_bytes(), pathlib.Path(f"{job.mounts[0]}/file").read_bytes())

    @staticmethod
    def reasons(job):
        return "".join(path.read_text() for path in pathlib.Path(f"{job.directory}/logs").glob("*last_reason.txt"))

    def test_limits(self):
        self.names = [self.write(f"file{number}", os.urandom(24 * MIB)).relative_to(self.source) for number in range(8)]
        for kib in (95_000, 97_656, 130_000, 135_000, 160_000, 200_000, 400_000, 800_000, 2_000_000, 4_000_000):
            with self.subTest(kib):
                job = self.job(kib)
                try:
                    job.start()
                except AssertionError as failure:
                    self.assertLess(kib, 200_000, failure)
                    self.assertIn("ulimit -v", str(failure))
                    print(f"{kib} KiB: refused", flush=True)
                    self.assertEqual([], job.left_behind(30))
                    continue
                came = self.read_everything(job)
                ended = self.reasons(job)
                if ended:  # what it has after its start may not be enough for the little that a request needs
                    self.assertLess(kib, 400_000, ended)
                    self.assertIn("no memory is left", ended)
                    print(f"{kib} KiB: {ended}", flush=True)
                    job.kill()
                    continue
                budgets = [rank["cache"]["budget"] for rank in job.status()["ranks"]]
                print(f"{kib} KiB: {came} of {2 * len(self.names)} files, {budgets}", flush=True)
                if kib >= 400_000:
                    self.assertEqual(2 * len(self.names), came)
                job.end()


copper_job.main()
