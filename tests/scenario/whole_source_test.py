"""The whole source through every mount: byte for byte, attribute for attribute, each byte read once in the whole job.

    whole_source_test.py RANKS
"""

import concurrent.futures
import os
import sys
import time

import copper_job
import source_tree

RANKS = int(sys.argv.pop())


class WholeSource(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.size = source_tree.build(os.fsencode(self.source))
        kinds = [kind for _, kind in source_tree.walk(os.fsencode(self.source)).values()]
        self.directories = kinds.count("directory")
        time.sleep(2.1)  # a listing of a directory that has just changed may be made again

    def test_every_mount_is_the_source(self):
        job = self.start(RANKS)
        with concurrent.futures.ThreadPoolExecutor(RANKS) as pool:
            compared = pool.map(lambda mount: source_tree.difference(os.fsencode(self.source), os.fsencode(mount)), job.mounts)
        for mount, complaints in zip(job.mounts, compared):
            self.assertFalse(complaints, f"{mount}:\n" + "\n".join(complaints))
        events = job.status()["totals"]["events"]
        self.assertEqual(self.size, events["bytes_from_source"], "each byte is read once in the whole job")
        self.assertEqual(self.directories, events["lists_at_source"], "each directory is listed once")

    def test_the_second_look_asks_the_source_for_nothing(self):
        job = self.start(RANKS)
        for mount in job.mounts:
            source_tree.difference(os.fsencode(self.source), os.fsencode(mount))
        before = job.status()["totals"]["events"]
        for mount in job.mounts:
            self.assertFalse(source_tree.difference(os.fsencode(self.source), os.fsencode(mount)))
        after = job.status()["totals"]["events"]
        for name in ("reads_at_source", "lists_at_source", "bytes_from_source"):
            self.assertEqual(before[name], after[name], name)


copper_job.main()
