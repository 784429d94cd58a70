"""A limit on what a process may map (`ulimit -v`): a daemon says why it can't start, or serves; it never crashes."""

import errno
import os
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
                budgets = [rank["cache"]["budget"] for rank in job.status()["ranks"]]
                print(f"{kib} KiB: {came} of {2 * len(self.names)} files, {budgets}", flush=True)
                if kib >= 400_000:
                    self.assertEqual(2 * len(self.names), came)
                job.end()


copper_job.main()
