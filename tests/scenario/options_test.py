"""Every option does what it says: the source stays the same through every mount, and what the option changes changes."""

import os
import pathlib
import unittest

import copper_job
import source_tree

MIB = 1 << 20


class Options(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        for number in range(20):
            self.write(f"d{number % 3}/small{number}", bytes([number]) * number * 1000)
        self.write("large", os.urandom(3 * MIB + 5))
        self.size = sum(entry.st_size for entry, kind in source_tree.walk(os.fsencode(self.source)).values() if kind == "file")

    def check(self, job):
        for mount in job.mounts:
            complaints = source_tree.difference(os.fsencode(self.source), os.fsencode(mount))
            self.assertFalse(complaints, "\n".join(complaints))
        return job

    def test_shapes_of_the_trees(self):
        for ranks, options in ((5, ["--trees", 1, "--fanout", 1]), (5, ["--trees", 5, "--fanout", 4]), (3, ["-trees", 2])):
            with self.subTest(ranks=ranks, options=options):
                job = self.check(self.start(ranks, options=options))
                status = job.status()
                self.assertEqual(ranks, len(status["ranks"]))
                self.assertEqual({options[1]}, {rank["tree"]["trees"] for rank in status["ranks"]})
                self.assertEqual(self.size, status["totals"]["events"]["bytes_from_source"])
                readers = sum(rank["events"]["bytes_from_source"] > 0 for rank in status["ranks"])
                self.assertLessEqual(readers, options[1], "only roots read the source")

    def test_files_that_are_too_large_to_keep(self):
        job = self.check(self.start(3, options=["-max_cacheable_byte_size", "1M"]))
        large = os.path.getsize(self.source / "large")
        self.assertLessEqual(self.size - large + 3 * large, job.total("bytes_from_source"), "each node reads it itself")
        self.assertLess(job.status()["totals"]["cache"]["data"]["bytes"], 3 * self.size)

    def test_operations_on_the_source_at_once(self):
        job = self.check(self.start(2, options=["-source_ops", "8", "--trees", 1]))
        self.assertEqual(self.size, job.total("bytes_from_source"))
        for rank in range(2):
            tasks = pathlib.Path(f"/proc/{job.daemon(rank)}/task").glob("*/comm")
            names = [task.read_text().strip() for task in tasks]
            self.assertLessEqual(names.count("copper-source"), 4, "half of them, for one root")
            self.assertLessEqual(names.count("copper-detour"), 2, "half of them, for two ranks")

    def test_networks(self):
        for net_type in ("tcp", "tcp://lo", "lo"):
            with self.subTest(net_type=net_type):
                job = self.check(self.start(2, options=["-net_type", net_type]))
                book = pathlib.Path(f"{job.directory}/logs/copper_address_book.txt").read_text()
                if "lo" in net_type:
                    self.assertIn("127.0.0.1:", book)

    def test_one_thread(self):
        self.check(self.start(2, options=["-es", "1"]))

    def test_established_spellings_of_the_places(self):
        place = self.root / "established"
        place.mkdir()
        job = copper_job.Job(place, self.source, 2)
        self.addCleanup(job.end)
        established = {"--mount": "-vpath", "--target": "-tpath", "--log-output-dir": "-log_output_dir", "--log-level": "-log_level"}
        job.command = [established.get(word, word) for word in job.command]
        self.check(job.start())

    def test_host_names_in_the_mount_point(self):
        place = self.root / "named"
        job = copper_job.Job(self.root, self.source, 2, mount=f"{place}/%h-%r")
        job.mounts = [f"{place}/{copper_job.host()}-{rank}" for rank in range(2)]
        self.addCleanup(job.end)
        self.check(job.start())

    def test_a_file_system_named_as_shared(self):
        self.check(self.start(2, options=["--shared-fs", self.source, "--shared-fs", "/usr"]))

    @unittest.skipUnless(os.geteuid() == 0, "fusermount3 takes leave from /etc/fuse.conf")
    def test_others_are_let_in_or_not(self):
        self.root.chmod(0o755)
        for options, allowed in (([], False), (["--allow-other"], True)):
            with self.subTest(options=options):
                job = self.start(2, options=options)
                done = copper_job.run("setpriv", "--reuid=65534", "--clear-groups", "cat", f"{job.mounts[1]}/d1/small1")
                self.assertEqual(allowed, done.returncode == 0, done.stderr)

    def test_a_soft_limit_on_open_files_is_raised(self):
        place = self.root / "soft"
        place.mkdir()
        job = copper_job.Job(place, self.source, 2)
        self.addCleanup(job.end)
        job.command = ["bash", "-c", 'ulimit -Sn 40 && exec "$@"', "bash", *job.command]
        self.check(job.start())

    def test_paths_relative_to_where_the_job_starts(self):
        place = self.root / "relative"
        place.mkdir()
        job = copper_job.Job(place, self.source, 2)
        self.addCleanup(job.end)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(place)
        job.command = [word.replace(f"{place}/", "") for word in job.command]
        self.check(job.start())


copper_job.main()
