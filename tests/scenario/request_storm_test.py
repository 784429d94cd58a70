"""All mounts want the same cold files at once, from 16 threads each: right bytes, each byte read once."""

import concurrent.futures
import os
import random

import copper_job
import source_tree

THREADS = 16
MIB = 1 << 20


class RequestStorm(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.random = random.Random(16)

    def storm(self, job, names):
        """Every thread of every mount reads all files, in an order of its own; path -> digests seen."""
        def read_all(mount, seed):
            order = list(names)
            random.Random(seed).shuffle(order)
            return [(name, source_tree.digest(f"{mount}/{name}")) for name in order]

        with concurrent.futures.ThreadPoolExecutor(THREADS * len(job.mounts)) as pool:
            tasks = [pool.submit(read_all, mount, hash((mount, thread))) for mount in job.mounts for thread in range(THREADS)]
            seen = {}
            for task in tasks:
                for name, found in task.result():
                    seen.setdefault(name, set()).add(found)
        return seen

    def assert_right(self, seen):
        for name, digests in seen.items():
            self.assertEqual({source_tree.digest(self.source / name)}, digests, name)

    def test_many_small_files(self):
        sizes = [self.random.randrange(0, 60000) for _ in range(100)]
        names = [self.write(f"d{number % 5}/f{number}", self.random.randbytes(size)).relative_to(self.source)
                 for number, size in enumerate(sizes)]
        job = self.start()
        self.assert_right(self.storm(job, names))
        self.assertEqual(sum(sizes), job.total("bytes_from_source"))

    def test_a_few_large_files(self):
        names = [self.write(f"large{number}", self.random.randbytes(9 * MIB + number)).relative_to(self.source)
                 for number in range(2)]
        job = self.start()
        self.assert_right(self.storm(job, names))
        self.assertEqual(sum(os.path.getsize(self.source / name) for name in names), job.total("bytes_from_source"))

    def test_absent_names(self):
        self.write("directory/present")
        job = self.start()

        def probe(mount):
            return [os.path.lexists(f"{mount}/directory/absent{number}") for number in range(50)]

        with concurrent.futures.ThreadPoolExecutor(THREADS * len(job.mounts)) as pool:
            for found in pool.map(probe, job.mounts * THREADS):
                self.assertFalse(any(found))


copper_job.main()
