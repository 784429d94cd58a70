"""What the scenarios about the end of a job share."""

import contextlib
import json
import os
import pathlib
import signal
import time

import copper_job


class Ends(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        for number in range(20):
            self.write(f"directory/file{number}", f"content {number}")

    def save_below_root(self):
        """What a job directory does not take goes with the test's own."""
        os.environ["TMPDIR"] = str(self.root)
        self.addCleanup(os.environ.pop, "TMPDIR")

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

    def start_on_tiny(self, options=(), environment=None):
        """On a job directory of half a megabyte; root alone can make one."""
        tiny = self.root / "tiny"
        tiny.mkdir()
        mounted = copper_job.run("mount", "-t", "tmpfs", "-o", "size=512k", "tiny", tiny)
        self.assertEqual(0, mounted.returncode, mounted.stderr)
        self.addCleanup(copper_job.run, "umount", "-l", tiny)
        place = self.root / "job-tiny"
        place.mkdir()
        job = copper_job.Job(place, self.source, 4, level=5, options=options, environment=environment)
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
