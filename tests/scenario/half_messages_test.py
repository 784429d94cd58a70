"""Half a message must not switch a rank off: whoever begins messages and stops (a stranger without the job's key, a frozen
peer in the middle of a chunk) takes nothing from the readers, from `copper refresh` or from `copper stop`.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import unittest

import copper_job
import half_messages

MIB = 1 << 20
STRANGERS = 256
FROZEN = 8
PROVIDER = "net"


class HalfMessages(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        half_messages.allow_descriptors(4 * (STRANGERS + FROZEN) + 200)
        self.held = half_messages.Held()
        self.addCleanup(self.held.close)
        self.sums = {}
        for number in range(24):
            content = os.urandom(3 * MIB if number % 8 == 0 else 20_000)
            self.sums[f"d{number % 6}/f{number}"] = hashlib.sha256(content).hexdigest()
            self.write(f"d{number % 6}/f{number}", content)

    def launch(self, **settings):
        job = self.start(4, deadline=200, **settings)
        if job.status()["ranks"][0]["provider"] != PROVIDER:
            raise unittest.SkipTest(f"this libfabric does not choose {PROVIDER}")
        return job

    def hold(self, job):
        for rank in job.status()["ranks"]:
            for count, announced, sent in ((STRANGERS // 2, 145, 100), (STRANGERS // 2, 145, 0), (FROZEN, MIB, MIB // 2)):
                self.held.hold(rank["address"], count, announced, sent)

    def read_all(self, job):
        def read(mount):
            return {name: hashlib.sha256(pathlib.Path(f"{mount}/{name}").read_bytes()).hexdigest() for name in self.sums}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for mount, sums in zip(job.mounts, pool.map(read, job.mounts)):
                self.assertEqual(self.sums, sums, mount)

    def assert_undisturbed(self, job):
        self.read_all(job)
        done = job.copper("refresh", job.directory)
        self.assertEqual((0, "refreshed / on 4 ranks"), (done.returncode, done.stdout.strip()), done.stderr)
        self.read_all(job)
        status = job.status()
        self.assertEqual(0, status["totals"]["events"]["detours"])
        self.assertEqual(0, status["totals"]["channel"]["timeouts"])
        self.assertEqual([0, 0, 0, 0], [len(rank.get("lost", [])) for rank in status["ranks"]])

    def test_nobody_notices(self):
        job = self.launch()
        self.hold(job)
        self.assert_undisturbed(job)
        # It is said, once on each rank, and counted.
        expected = STRANGERS + FROZEN

        def counted():
            self.read_all(job)
            job.status()  # whole messages tell of those before them
            return all(rank["channel"]["unfinished"] >= expected for rank in job.status()["ranks"])
        self.assertTrue(copper_job.until(counted, 60, pause=1), [rank["channel"] for rank in job.status()["ranks"]])
        said = job.logged("messages to this rank began", ranks=4)
        self.assertEqual([1] * 4, [len(lines) for lines in said], job.last_words())
        done = job.stop()
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0, job.wait_for_end())
        self.assertEqual([], job.left_behind())

    def test_broken_off_again_and_again(self):
        job = self.launch()
        for _ in range(3):
            self.hold(job)
            self.held.close()
        self.assert_undisturbed(job)

    def test_they_take_little_memory(self):
        job = self.launch()
        self.read_all(job)
        before = job.status()["totals"]["memory"]["rss_bytes"]
        for rank in job.status()["ranks"]:
            self.held.hold(rank["address"], STRANGERS)
        self.read_all(job)
        job.copper("refresh", job.directory)
        self.read_all(job)
        grown = job.status()["totals"]["memory"]["rss_bytes"] - before
        self.assertLess(grown, 4 * 32 * MIB, "a receive that waits costs address space, not memory")


if __name__ == "__main__":
    copper_job.main()
