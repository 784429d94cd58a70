"""A job directory on a file system that does not answer: the log, and what else is written there, holds up no reader."""

import hashlib
import os
import pathlib
import signal
import threading
import time
import unittest

import copper_job


@unittest.skipUnless(os.geteuid() == 0, "only root can freeze a file system")
class FrozenJobDirectory(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.sums = {}
        for number in range(40):
            content = os.urandom(200_000)
            self.sums[f"d{number}/file"] = hashlib.sha256(content).hexdigest()
            self.write(f"d{number}/file", content)
        image, self.place = self.root / "image", self.root / "job-frozen"
        self.place.mkdir()
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        if copper_job.run("mkfs.ext4", "-q", image).returncode != 0 or \
                copper_job.run("mount", "-o", "loop", image, self.place).returncode != 0:
            self.skipTest("no loop device here")
        self.frozen = False
        self.addCleanup(copper_job.unmount, str(self.place))

    def freeze(self):
        self.assertEqual(0, copper_job.run("fsfreeze", "-f", self.place).returncode)
        self.frozen = True

    def thaw(self):
        if self.frozen:
            self.frozen = False
            copper_job.run("fsfreeze", "-u", self.place)

    def test_a_rank_is_killed_and_the_readers_go_on(self):
        job = copper_job.Job(self.place, self.source, 4, deadline=200, survive=True, mount=f"{self.root}/mnt/%r", level=5)
        self.addCleanup(self.tidy, job)
        job.start()
        victim = 2
        wrong, done = [], []

        def read(mount):
            for name, expected in self.sums.items():
                if hashlib.sha256(pathlib.Path(f"{mount}/{name}").read_bytes()).hexdigest() != expected:
                    wrong.append(name)
            done.append(mount)
        self.freeze()
        job.signal(victim, signal.SIGKILL)
        readers = [threading.Thread(target=read, args=(mount,), daemon=True)
                   for rank, mount in enumerate(job.mounts) if rank != victim]
        for reader in readers:
            reader.start()
        # A lost parent costs two seconds, once; a reader that waits for the log would wait until it is thawed.
        deadline = time.monotonic() + 40 * copper_job.PATIENCE
        for reader in readers:
            reader.join(max(0, deadline - time.monotonic()))
        self.assertEqual(3, len(done), f"only {done} read all while the job directory was frozen")
        self.assertEqual([], wrong)
        self.thaw()
        self.assertEqual(0, job.stop().returncode)

    def tidy(self, job):
        self.thaw()
        if job.launcher and job.launcher.poll() is None:
            job.stop()
            job.wait_for_end(30)
        job.kill()
        job._output.close()


if __name__ == "__main__":
    copper_job.main()
