"""Gigabytes through a cache of 64 MiB: right bytes, and no rank grows past the budget and what it needs to run."""

import concurrent.futures
import hashlib
import os
import pathlib
import random
import unittest

import copper_job

MIB = 1 << 20
BUDGET = 64 * MIB
BESIDE_IT = 64 * MIB  # what a rank may hold beside the budget
FILES = 32
FILE_SIZE = 64 * MIB  # 2 GiB in all
STRIDE = 4 * MIB
# Buffers of all sizes come and go: what is free of them must not stay with the rank (it was 50 MiB then, not 29).
SMALL_BUDGET = 24 * MIB
BESIDE_SMALL = 40 * MIB


def digest(path, offsets, size):
    """Of the file's bytes at these offsets, read in this order, hashed in that of the file."""
    pieces = {}
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for offset in offsets:
            pieces[offset] = hashlib.blake2b(os.pread(descriptor, size, offset), digest_size=16).digest()
    finally:
        os.close(descriptor)
    return b"".join(pieces[offset] for offset in sorted(pieces))


class MemoryBudget(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.random = random.Random(64)

    def make_files(self):
        """Each MiB differs from all others, at the cost of one."""
        noise = self.random.randbytes(MIB)
        for number in range(FILES):
            with open(self.source / f"f{number}", "wb") as file:
                for piece in range(FILE_SIZE // MIB):
                    file.write(b"%8d%8d" % (number, piece) + noise[16:])
        return [f"f{number}" for number in range(FILES)]

    def read_by_all(self, job, names, offsets, size):
        """Every mount reads all files, in an order of its own."""
        def read(mount, name, order):
            return name, digest(f"{mount}/{name}", order, size)

        tasks = [(mount, name) for mount in job.mounts for name in names]
        self.random.shuffle(tasks)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            work = [pool.submit(read, mount, name, self.random.sample(offsets, len(offsets)) if size < MIB else offsets)
                    for mount, name in tasks]
            return [task.result() for task in work]

    def assert_bounded(self, job, budget=BUDGET, beside=BESIDE_IT):
        for rank in range(job.ranks):
            fields = dict(line.split(":", 1) for line in
                          pathlib.Path(f"/proc/{job.daemon(rank)}/status").read_text().splitlines())
            peak = int(fields["VmHWM"].split()[0]) * 1024
            self.assertLess(peak, budget + beside, f"rank {rank} had {peak / MIB:.0f} MiB resident")
        for rank in job.status()["ranks"]:
            held = rank["cache"]["budget"]
            self.assertLessEqual(held["limit_bytes"], budget)
            self.assertLessEqual(held["held_bytes"], held["limit_bytes"])

    def test_two_gigabytes_read_in_every_order(self):
        names = self.make_files()
        job = self.start(options=["--cache-budget", "64M"], deadline=300)
        whole = list(range(0, FILE_SIZE, MIB))
        expected = {name: digest(self.source / name, whole, MIB) for name in names}
        for name, found in self.read_by_all(job, names, whole, MIB):
            self.assertEqual(expected[name], found, name)
        self.assert_bounded(job)
        self.assertGreater(job.status()["totals"]["cache"]["budget"]["evictions"], 0)

        scattered = list(range(12345, FILE_SIZE - MIB, STRIDE))
        expected = {name: digest(self.source / name, scattered, 5000) for name in names}
        for mount in job.mounts:  # so that the kernel asks again
            for name in names:
                descriptor = os.open(f"{mount}/{name}", os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
        for name, found in self.read_by_all(job, names, scattered, 5000):
            self.assertEqual(expected[name], found, name)
        self.assert_bounded(job)

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "sanitizers keep what is freed")
    def test_files_of_all_sizes_read_again_and_again(self):
        noise = self.random.randbytes(MIB)
        names = [f"d{number % 20}/f{number}" for number in range(1200)]
        for name in names:
            self.write(name, noise[:int(1000 * 700 ** self.random.random())])
        job = self.start(options=["--cache-budget", SMALL_BUDGET], deadline=300)

        def read(mount):
            for name in random.Random(mount).sample(names, len(names)):
                descriptor = os.open(f"{mount}/{name}", os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                    while os.read(descriptor, MIB):
                        pass
                finally:
                    os.close(descriptor)

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(read, job.mounts * 5))
        self.assert_bounded(job, SMALL_BUDGET, BESIDE_SMALL)


copper_job.main()
