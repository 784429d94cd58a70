"""Sixteen ranks in one chain before a slow source: time does not run out on the way, so that the root alone reads it."""

import concurrent.futures
import os

import copper_job
import slow_source

RANKS = 16


class LongChain(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.paths = [f"d{number}/file" for number in range(3)]
        for path in self.paths:
            self.write(path, path.encode())
        self.slow = slow_source.SlowSource(self.source, [self.root / "mounted"])
        self.slow.start()
        self.addCleanup(self.slow.end)
        self.job = self.start(RANKS, target=self.root / "mounted", deadline=180,
                              options=["--shared-fs", self.root / "mounted", "--fanout", 1, "--trees", 1])
        self.addCleanup(self.slow.clear)

    def events(self, name):
        return [rank["events"][name] for rank in self.job.status()["ranks"]]

    def test_the_root_alone_reads_the_source(self):
        for operation in ("opendir", "lookup", "read"):
            self.slow.delay(operation, "/d*", 1500)
        last = self.job.mounts[-1]
        with concurrent.futures.ThreadPoolExecutor(len(self.paths)) as pool:
            sizes = list(pool.map(lambda path: os.stat(f"{last}/{path}").st_size, self.paths))
        self.assertEqual([len(path) for path in self.paths], sizes)
        self.assertEqual([0] * RANKS, self.events("detours"))
        listed = self.events("lists_at_source")
        self.assertGreater(listed[0], 0)
        self.assertEqual([0] * (RANKS - 1), listed[1:])
        for path in self.paths:  # and whoever asks now asks his own rank
            for mount in self.job.mounts:
                with open(f"{mount}/{path}", "rb") as file:
                    self.assertEqual(path.encode(), file.read())
        self.assertEqual([0] * RANKS, self.events("detours"))


copper_job.main()
