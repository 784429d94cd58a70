"""Gigabytes through a cache of 64 MiB: right bytes, and no rank grows past the budget and what it needs to run."""

import concurrent.futures
import hashlib
import os
import pathlib
import random

import copper_job

MIB = 1 << 20
BUDGET = 64 * MIB
BESIDE_IT = 64 * MIB  # what a rank may hold beside the budget
FILES = 32
FILE_SIZE = 64 * MIB  # 2 GiB in all
STRIDE = 4 * MIB


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

    def assert_bounded(self, job):
        for rank in range(job.ranks):
            fields = dict(line.split(":", 1) for line in
                          pathlib.Path(f"/proc/{job.daemon(rank)}/status").read_text().splitlines())
            peak = int(fields["VmHWM"].split()[0]) * 1024
            self.assertLess(peak, BUDGET + BESIDE_IT, f"rank {rank} had {peak / MIB:.0f} MiB resident")
        for rank in job.status()["ranks"]:
            budget = rank["cache"]["budget"]
            self.assertLessEqual(budget["limit_bytes"], BUDGET)
            self.assertLessEqual(budget["held_bytes"], budget["limit_bytes"])

    def test_two_gigabytes_read_in_every_order(self):
        names = self.make_files()
        job = self.start(options=["--cache-budget", "64M"])
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


copper_job.main()
