"""The profile of a real job says what was done, no more and no less, whatever becomes of its ranks."""

import collections
import contextlib
import os
import pathlib
import signal
import time
import unittest

import copper_job
import h5py
from ends import Ends

RANKS = 4
FILES = 10
SIZE = 5_000
FULL = ["--profile-paths-full", "--profile-top-n", "5", "--md-enoent-ttl-ms", "-1"]


class Profile:
    """One HDF5 file, as dictionaries."""

    def __init__(self, path):
        with h5py.File(path, "r") as file:
            self.ranks = {int(row["rank"]): row for row in file["ranks"][()]}
            self.missing = list(file["missing_ranks"][()])
            names = file["operations"].dtype.names
            self.operations = {
                row["operation"].decode(): dict(zip(names, row)) for row in file["operations"][()]
            }  # fmt: skip
            self.events = {row["event"].decode(): int(row["count"]) for row in file["events"][()]}
            self.job = file["job"][0]
            self.top = {kind: [row["path"] for row in file[f"top/{kind}"][()]] for kind in file["top"]}
            self.paths = self._paths(file["paths"])

    @staticmethod
    def _paths(group):
        kinds = {number: name for name, number in h5py.check_enum_dtype(group["kind"].dtype).items()}
        heap, offsets = group["path_bytes"][()].tobytes(), group["path_offset"][()]
        columns = {name: group[name][()] for name in ("events", "hits", "misses", "negative", "ttl_serves", "bytes")}
        paths = {}
        for index, kind in enumerate(group["kind"][()]):
            path = os.fsdecode(heap[offsets[index]:offsets[index + 1]])
            paths[path] = {"kind": kinds[kind], **{name: int(column[index]) for name, column in columns.items()}}
        return paths


class ProfileScenario(Ends):
    def make_source(self):
        for number in range(FILES):
            self.write(f"used/file{number}", os.urandom(SIZE))
            self.write(f"listed/file{number}", b"never touched")
        self.write("odd/a\nb,\"|\udcff", b"12345")
        os.symlink("file0", self.source / "used/link")

    def final(self, job):
        return Profile(pathlib.Path(job.directory) / "profiling/final/copper_profile.h5")

    def ended(self, job):
        self.assertEqual(0, job.copper("stop", job.directory).returncode, job.last_words())
        self.gone(job)
        return self.final(job)


class CountsAreTrue(ProfileScenario):
    def test_a_known_sequence_of_operations(self):
        """Each name below is asked for once on each rank: what Copper then counts can be counted on one's fingers."""
        self.make_source()
        job = self.start(RANKS, options=FULL)
        done = collections.Counter()
        for mount in map(pathlib.Path, job.mounts):
            for number in range(FILES):
                (mount / f"used/file{number}").read_bytes()
            os.readlink(mount / "used/link")
            os.listdir(mount / "listed")
            (mount / "odd/a\nb,\"|\udcff").read_bytes()
            for name in ("absent", "used/absent", "nowhere/at/all"):
                with contextlib.suppress(FileNotFoundError):
                    os.stat(mount / name)
            done["lookup"] += FILES + 1 + 1 + 3 + 3  # files, link, odd file, directories, absent ones
        profile = self.ended(job)
        self.check_paths(profile)
        self.check_operations(profile, done)
        self.check_ranks(profile)

    def check_paths(self, profile):
        used = {path for path in profile.paths if path != "/"}
        expected = {"/used", "/listed", "/odd", "/used/link", "/odd/a\nb,\"|\udcff", "/absent", "/used/absent", "/nowhere"}
        self.assertEqual(expected | {f"/used/file{number}" for number in range(FILES)}, used)
        kinds = {path: row["kind"] for path, row in profile.paths.items()}
        for path, kind in {"/used": "directory", "/used/link": "symlink", "/used/file3": "file", "/nowhere": "absent",
                           "/used/absent": "absent", "/absent": "absent"}.items():  # fmt: skip
            self.assertEqual(kind, kinds[path], path)
        for number in range(FILES):
            self.assertEqual(RANKS * SIZE, profile.paths[f"/used/file{number}"]["bytes"])
        for path in ("/absent", "/used/absent", "/nowhere"):
            self.assertEqual(RANKS, profile.paths[path]["negative"], path)
        self.assertIn(b"/used/absent", profile.top["negative_ttl"])
        self.assertEqual(5, len(profile.top["data"]))

    def check_operations(self, profile, done):
        operations = profile.operations
        self.assertEqual(done["lookup"], operations["lookup"]["calls"])
        self.assertEqual(3 * RANKS, operations["lookup"]["negative"])
        self.assertEqual((FILES + 1) * RANKS, operations["read"]["calls"])
        self.assertEqual(RANKS, operations["readlink"]["calls"])
        self.assertEqual(0, operations["readdirplus"]["calls"], "names that are only listed must not look used")
        self.assertGreaterEqual(operations["readdir"]["calls"], RANKS)
        for name, row in operations.items():
            self.assertLessEqual(row["hits"] + row["misses"] + row["coalesced"], row["calls"], name)
            if name != "ioctl":  # Python asks each file whether it is a terminal
                self.assertEqual(0, row["errors"], name)
        read = operations["read"]
        self.assertEqual((FILES + 1) * RANKS, read["hits"] + read["misses"] + read["coalesced"])
        self.assertGreaterEqual(read["misses"], FILES + 1, "somebody was the first")
        # Each chunk comes once to each rank: from the source on one, from a parent on the others.
        self.assertEqual(FILES * SIZE + 5, profile.events["bytes_from_source"])
        self.assertEqual((RANKS - 1) * (FILES * SIZE + 5), profile.events["bytes_from_parent"])
        self.assertGreaterEqual(profile.events["bytes_to_children"], profile.events["bytes_from_parent"], "and listings")

    def check_ranks(self, profile):
        self.assertEqual(list(range(RANKS)), sorted(profile.ranks))
        self.assertEqual([], profile.missing)
        for row in profile.ranks.values():
            self.assertEqual(copper_job.host(), row["host"].decode())
            self.assertGreater(row["memory_peak"], 1 << 20)
            self.assertGreater(row["serving"], row["mount"])
        for event in ("bytes_from_cache", "bytes_from_parent", "bytes_from_source", "bytes_to_children"):
            self.assertEqual(profile.events[event], sum(int(row[event]) for row in profile.ranks.values()), event)

    def test_without_profiling_there_is_no_profile_but_the_tables(self):
        self.make_source()
        job = self.start(RANKS)
        (pathlib.Path(job.mounts[1]) / "used/file1").read_bytes()
        self.stop(job)
        self.gone(job)
        self.assertFalse((pathlib.Path(job.directory) / "profiling").exists())
        for table in ("data", "tree", "md"):
            rows = (pathlib.Path(job.directory) / f"tables/final/{table}_cache_size.output").read_text().splitlines()
            self.assertEqual(RANKS + 1, len(rows), rows)

    def test_an_earlier_profile_is_not_taken_for_this_one(self):
        self.make_source()
        job = self.start(2, options=FULL)
        (pathlib.Path(job.mounts[0]) / "used/file1").read_bytes()
        self.ended(job)
        self.start_again(job)
        self.assertTrue((pathlib.Path(job.directory) / "profiling.1/final/copper_profile.h5").exists())
        self.assertFalse((pathlib.Path(job.directory) / "profiling/final/copper_profile.h5").exists())


class Snapshots(ProfileScenario):
    def test_by_directory_by_mount_and_before_the_end(self):
        self.make_source()
        job = self.start(RANKS, options=FULL)
        (pathlib.Path(job.mounts[2]) / "used/file1").read_bytes()
        for place, tag in ((job.directory, "noon"), (job.mounts[3], "later")):
            done = job.copper("snapshot", place, tag)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(f"profiling/{tag}/copper_profile.h5 from {RANKS} ranks", done.stdout)
            snapshot = Profile(pathlib.Path(job.directory) / f"profiling/{tag}/copper_profile.h5")
            self.assertEqual(SIZE, snapshot.paths["/used/file1"]["bytes"])
            self.assertEqual(RANKS, len(snapshot.ranks))
        (pathlib.Path(job.mounts[0]) / "used/file1").read_bytes()
        final = self.ended(job)
        self.assertEqual(2 * SIZE, final.paths["/used/file1"]["bytes"])
        before = Profile(pathlib.Path(job.directory) / "profiling/pre-destroy/copper_profile.h5")
        self.assertEqual(2 * SIZE, before.paths["/used/file1"]["bytes"])

    def test_what_is_no_name_or_there_already(self):
        job = self.start(2, options=["--profile-metrics"])
        self.assertEqual(0, job.copper("snapshot", job.directory, "one").returncode)
        for tag, reason in (("one", "exists"), ("a/b", "no name"), ("final", "taken"), ("../x", "no name")):
            refused = job.copper("snapshot", job.directory, tag)
            self.assertEqual(1, refused.returncode, tag)
            self.assertIn(reason, refused.stderr)
        without = job.copper("snapshot", job.mounts[1])
        self.assertRegex(without.stdout, r"profiling/snapshot-[0-9TZ]+/copper_profile.h5")
        self.ended(job)

    def test_without_profiling(self):
        job = self.start(2)
        for place in (job.directory, job.mounts[1]):
            refused = job.copper("snapshot", place, "one")
            self.assertEqual(1, refused.returncode)
            self.assertIn("--profile-metrics", refused.stderr)
        self.stop(job)
        self.gone(job)

    def test_at_intervals(self):
        job = self.start(2, options=["--profile-snapshot-interval-s", "1"])
        second = pathlib.Path(job.directory) / "profiling/interval-0002/copper_profile.h5"
        self.assertTrue(copper_job.until(second.exists, 20))
        self.ended(job)

    def test_around_a_lost_rank(self):
        self.make_source()
        job = self.start(RANKS, options=FULL, survive=True)
        self.kill(job, [1])
        time.sleep(1)
        done = job.copper("snapshot", job.directory, "less")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("without rank 1", done.stdout)
        snapshot = Profile(pathlib.Path(job.directory) / "profiling/less/copper_profile.h5")
        self.assertEqual([1], snapshot.missing)
        self.stop(job)
        self.gone(job)


class AfterLosses(ProfileScenario):
    def test_the_survivors_are_reduced_and_the_missing_named(self):
        self.make_source()
        for lost in ([0], [1], [2, 3]):
            with self.subTest(lost=lost):
                job = self.start(RANKS, options=FULL, survive=True)
                (pathlib.Path(job.mounts[1 if lost == [0] else 0]) / "used/file2").read_bytes()
                self.kill(job, lost)
                self.stop(job)
                self.gone(job)
                profile = self.final(job)
                self.assertEqual(lost, profile.missing)
                self.assertEqual(SIZE, profile.paths["/used/file2"]["bytes"])
                for table in ("data", "tree", "md"):
                    self.assertTrue((pathlib.Path(job.directory) / f"tables/final/{table}_cache_size.output").exists())

    def test_a_rank_that_nobody_asks_keeps_its_own(self):
        """Frozen until the others have gone, it ends alone, and its profile is a file of its own."""
        self.make_source()
        job = self.start(2, options=FULL, survive=True)
        (pathlib.Path(job.mounts[1]) / "used/file2").read_bytes()
        pid = job.daemon(1)
        os.kill(pid, signal.SIGSTOP)
        stopped = job.stop()
        self.assertEqual(1, stopped.returncode, stopped.stderr)
        self.assertIn(job.mounts[1], stopped.stderr)
        self.assertEqual([1], self.final(job).missing)
        os.kill(pid, signal.SIGCONT)
        self.gone(job)
        own = pathlib.Path(job.directory) / "profiling/final/rank-1.h5"
        self.assertTrue(copper_job.until(own.exists, 30))
        self.assertEqual(SIZE, Profile(own).paths["/used/file2"]["bytes"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can fill a disk of its own")
    def test_a_full_disk_loses_the_profile_not_the_job(self):
        self.make_source()
        elsewhere = self.root / "temporary"
        elsewhere.mkdir()
        job, tiny = self.start_on_tiny(options=FULL, environment={**os.environ, "TMPDIR": str(elsewhere)})
        self.fill(tiny)
        stopped = job.copper("stop", job.mounts[0], "--timeout", 60 * copper_job.PATIENCE, timeout=70)
        self.assertEqual(1, stopped.returncode, stopped.stdout + stopped.stderr)
        self.gone(job)
        self.assertEqual([], list(tiny.glob("job/profiling/final/*")))
        saved = list(elsewhere.rglob("copper_profile.h5"))
        self.assertEqual(1, len(saved))
        self.assertIn(f"lies in {saved[0]}", stopped.stderr)


copper_job.main()
