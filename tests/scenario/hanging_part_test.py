"""A part of the source hangs: who reads it waits, and nobody else, neither for what he reads nor for a refresh."""

import pathlib
import subprocess
import time

import copper_job
import slow_source

RANKS = 4
DIRECTORIES = 3


class HangingPart(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.fill("old")
        self.hanging = slow_source.SlowSource(self.source, [self.root / "mounted"])
        self.hanging.start()
        self.addCleanup(self.hanging.end)
        self.addCleanup(self.hanging.clear)

    def fill(self, content):
        for number in range(DIRECTORIES):
            self.write(f"hanging{number}/file", content)
        self.write("other/file", content)

    def read(self, mount, path):
        return pathlib.Path(f"{mount}/{path}").read_text(encoding="ascii")

    def waits(self, process):
        """For an answer from a FUSE file system."""
        return "request_wait_answer" in pathlib.Path(f"/proc/{process.pid}/wchan").read_text(encoding="ascii")

    def test_refreshes_of_the_rest(self):
        """What is not known of a hanging directory is looked up there: the kernel keeps it locked for as long as that takes."""
        mounted = self.root / "mounted"
        job = self.start(RANKS, target=mounted, options=["--shared-fs", mounted])
        for mount in job.mounts:
            for path in [f"hanging{number}/file" for number in range(DIRECTORIES)] + ["other/file"]:
                self.assertEqual("old", self.read(mount, path))
        self.hanging.hang("any", "/hanging*")
        readers = [subprocess.Popen(["stat", f"{job.mounts[rank]}/hanging{number}/absent"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL) for rank in (2, 3) for number in range(DIRECTORIES)]
        self.hanging.wait_until_hanging()
        self.assertTrue(copper_job.until(lambda: all(map(self.waits, readers)), 20 * copper_job.PATIENCE))
        self.fill("new")

        everything = job.copper("refresh", job.mounts[0])
        self.assertNotEqual(0, everything.returncode, everything.stdout)
        self.assertIn("refreshed / on 4 ranks; on rank 2, 3 not yet in directories where somebody waits", everything.stderr)
        self.assertNotIn("no answer", everything.stderr)
        for rank in range(RANKS):
            self.assertEqual("new", self.read(job.mounts[rank], "other/file"), f"rank {rank} was told of what does not hang")
        self.write("other/file", "newer")
        other = job.copper("refresh", job.mounts[1], "/other")
        self.assertEqual((0, "refreshed /other on 4 ranks"), (other.returncode, other.stdout.strip()), other.stderr)
        for mount in job.mounts:
            self.assertEqual("newer", self.read(mount, "other/file"))
        self.assertEqual([None] * len(readers), [reader.poll() for reader in readers], "they still hang")

        self.hanging.clear()
        for reader in readers:
            self.assertEqual(1, reader.wait(30 * copper_job.PATIENCE))
        everything = job.copper("refresh", job.mounts[0])
        self.assertEqual(0, everything.returncode, everything.stderr)
        for mount in job.mounts:
            for number in range(DIRECTORIES):
                self.assertEqual("new", self.read(mount, f"hanging{number}/file"))
        job.stop()


copper_job.main()
