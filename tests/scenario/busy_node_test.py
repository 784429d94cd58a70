"""Load on a node, or one slow answer of the source, must not turn each name into a request to a parent."""

import concurrent.futures
import multiprocessing
import os
import subprocess

import copper_job
import slow_source

DIRECTORIES = 20
FILES = 100


def spin():
    while True:
        pass


class BusyNode(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        for directory in range(DIRECTORIES):
            (self.source / f"d{directory}").mkdir()
            for number in range(FILES):
                self.write(f"d{directory}/f{number}", "x" * number)

    def load(self):
        for _ in range(2 * os.cpu_count()):
            spinning = multiprocessing.Process(target=spin, daemon=True)
            spinning.start()
            self.addCleanup(spinning.join)
            self.addCleanup(spinning.kill)

    def look_at_everything(self, job):
        """On all mounts at once."""
        def sizes(mount):
            found = subprocess.run(["find", mount, "-type", "f", "-printf", "%s\n"], capture_output=True, text=True,
                                   check=True)
            return sum(map(int, found.stdout.split()))

        with concurrent.futures.ThreadPoolExecutor(job.ranks) as pool:
            expected = DIRECTORIES * sum(range(FILES))
            self.assertEqual([expected] * job.ranks, list(pool.map(sizes, job.mounts)))

    def requests(self, job):
        """To parents, by what they ask for."""
        counted = job.status()["totals"]["requests"]
        print({name: count for name, count in counted.items() if count}, flush=True)
        return counted

    def test_a_loaded_node_beside_a_fast_source(self):
        self.load()
        job = self.start()
        self.look_at_everything(job)
        counted = self.requests(job)
        self.assertLess(counted["peer_look"], DIRECTORIES * FILES // 10)

    def test_a_source_whose_looks_are_expensive(self):
        """Names come by themselves there, as long as that is fewer requests than looks that the source is spared."""
        names = DIRECTORIES * FILES
        with slow_source.SlowSource(self.source, [self.root / "slow"]) as source:
            source.delay("lookup", "/d*", 4)
            job = self.start(target=source.points[0])
            self.look_at_everything(job)
            self.assertLess(self.requests(job)["peer_look"], 2 * names, "each name for each rank that has a parent: 3 * names")
            looked_at = [times for (operation, path, _), times in source.objects().items()
                         if operation == "lookup" and path.count("/") == 2]
            self.assertLess(sum(looked_at), names * 11 // 10, "once for all ranks")
            job.end()


copper_job.main()
