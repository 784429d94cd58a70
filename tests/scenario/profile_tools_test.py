"""The tools that look back at a job: what bad input gets is one line and no output; a running job tells its tables."""

import contextlib
import csv
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import copper_job

SMALL = pathlib.Path(__file__).resolve().parents[1] / "data/small_profile.h5"
TABLES = ["data_cache_size.output", "md_cache_size.output", "tree_cache_size.output"]
HELP = copper_job.run(copper_job.CU_FUSE, "--help").stdout
with_profiles = unittest.skipUnless("--profile-paths-full" in HELP, "this cu_fuse records no paths")
as_root = unittest.skipUnless(os.geteuid() == 0, "only root can prepare this")


class BadInput(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.job = self.make_job(self.root / "job")

    def make_job(self, place):
        (place / "profiling/final").mkdir(parents=True)
        (place / "logs").mkdir()
        shutil.copy(SMALL, place / "profiling/final/copper_profile.h5")
        return place

    @property
    def profile(self):
        return self.job / "profiling/final/copper_profile.h5"

    def refused(self, *words, says, user=None):
        """Status 1, one line that says what and where, and not a file more or less."""
        before = sorted(self.root.rglob("*"))
        done = copper_job.run(copper_job.COPPER, *words, user=user)
        self.assertEqual(1, done.returncode, f"{words}: {done.stdout}{done.stderr}")
        self.assertRegex(done.stderr, r"\Acopper: [^\n]+\n\Z", words)
        for fragment in says:
            self.assertIn(str(fragment), done.stderr, words)
        self.assertEqual("", done.stdout, words)
        self.assertEqual(before, sorted(self.root.rglob("*")), words)

    def both_refused(self, says, **settings):
        for verb in ("aggregate-profiling", "path-usage"):
            self.refused(verb, self.job, says=says, **settings)

    def test_a_file_that_is_cut_off_anywhere(self):
        whole = SMALL.read_bytes()
        for size in (0, 1, 100, 512, len(whole) // 2, len(whole) - 1):
            self.profile.write_bytes(whole[:size])
            self.both_refused(says=["copper_profile.h5"])

    def test_a_file_of_another_kind(self):
        self.profile.write_bytes(b"#!/bin/sh\n" + os.urandom(4096))
        self.both_refused(says=["copper_profile.h5"])
        self.profile.unlink()
        self.profile.mkdir()
        self.both_refused(says=["copper_profile.h5"])

    def test_a_file_of_a_newer_schema(self):
        try:
            import h5py  # pylint: disable=import-outside-toplevel
        except ImportError:
            self.skipTest("h5py is not installed")
        with h5py.File(self.profile, "r+") as file:
            file.attrs["schema_version"] = 1000
        self.both_refused(says=["copper_profile.h5", "1000"])

    def test_a_missing_usage_root(self):
        for verb in ("aggregate-profiling", "path-usage"):
            self.refused(verb, self.job, "--usage-root", self.root / "gone", says=[self.root / "gone"])

    def test_a_part_of_the_job_directory(self):
        (self.job / "profiling/cluster").mkdir()
        for part in ("logs", "profiling/final", "profiling/cluster"):
            self.refused("aggregate-profiling", self.job / part, says=[f"itself, {self.job}\n"])
            self.refused("path-usage", self.job / part, says=[f"itself, {self.job}\n"])
            self.refused("cache-usage", self.job / part, says=[f"itself: {self.job}\n"])

    def test_no_profile_names_the_usual_causes(self):
        self.profile.unlink()
        for verb in ("aggregate-profiling", "path-usage"):
            done = copper_job.run(copper_job.COPPER, verb, self.job)
            self.assertEqual(1, done.returncode)
            self.assertIn(f"failed to find profiling HDF5 file under: {self.job}/profiling/final\n", done.stderr)
            self.assertEqual(4, len(re.findall(r"^  - ", done.stderr, re.MULTILINE)), done.stderr)

    @as_root
    def test_an_output_directory_that_cannot_be_written(self):
        (self.root / "output").mkdir(mode=0o755)
        os.chmod(self.root, 0o755)
        self.refused("path-usage", self.job, "--output-dir", self.root / "output", says=[self.root / "output"],
                     user="nobody")
        self.refused("aggregate-profiling", self.job, says=[self.job / "profiling/cluster"], user="nobody")

    @as_root
    def test_a_full_disk(self):
        small = self.root / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], check=True)
        self.job = self.make_job(small / "job")
        with open(small / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        self.both_refused(says=["No space left"])


class LiveJob(copper_job.Scenario):
    def rows(self, file):
        with open(file, newline="", encoding="utf-8") as lines:
            return {row["Table"]: row for row in csv.DictReader(lines)}

    def test_the_tables_of_a_job_while_it_runs_and_after_its_end(self):
        for i in range(20):
            self.write(f"d/{i}", os.urandom(1000))
        job = self.start(ranks=2, options=["--cache-budget", "64M"])
        for mount in job.mounts:
            for i in range(20):
                pathlib.Path(f"{mount}/d/{i}").read_bytes()
        for place, output in ((job.directory, self.root / "by-directory"), (job.mounts[1], self.root / "by-mount")):
            done = job.copper("cache-usage", place, "--output-dir", output)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(sorted([*TABLES, "cache_usage_summary.csv", "cache_usage_summary.txt"]), sorted(os.listdir(output)))
            rows = self.rows(output / "cache_usage_summary.csv")
            self.assertEqual(["data", "tree", "metadata", "combined"], list(rows))
            self.assertEqual("2", rows["data"]["Files Found"])
            self.assertGreaterEqual(int(rows["data"]["Entries"]), 20)
            self.assertGreaterEqual(int(rows["data"]["Used Bytes"]), 20 * 1000)
            self.assertTrue(2 * 32 << 20 < int(rows["combined"]["Budget Bytes"]) <= 2 * 64 << 20, rows["combined"])
        refused = job.copper("path-usage", job.directory, "--usage-root", job.mounts[0])
        self.assertEqual(1, refused.returncode, "there is no profile yet")
        self.assertEqual(0, job.stop().returncode)
        done = job.copper("cache-usage", job.directory)
        self.assertEqual(0, done.returncode, done.stderr)
        final = pathlib.Path(job.directory) / "tables/final"
        self.assertEqual("2", self.rows(final / "cache_usage_summary.csv")["tree"]["Files Found"])
        again = job.copper("cache-usage", final)
        self.assertEqual((0, done.stdout), (again.returncode, again.stdout), "the same offline")

    def test_a_usage_root_in_a_mount_of_copper_is_refused(self):
        self.write("env/bin/python", b"x")
        job = self.start(ranks=1)
        (pathlib.Path(job.directory) / "profiling/final").mkdir(parents=True)
        shutil.copy(SMALL, f"{job.directory}/profiling/final/copper_profile.h5")
        done = job.copper("path-usage", job.directory, "--usage-root", f"{job.mounts[0]}/env")
        self.assertEqual(1, done.returncode)
        self.assertIn("mount of Copper", done.stderr)
        done = job.copper("path-usage", job.directory, "--usage-root", job.root, "--skip-home-inference")
        self.assertEqual(0, done.returncode, done.stderr)
        listed = (pathlib.Path(job.directory) / "paths_dir/all_possible_existing_paths.txt").read_text(encoding="utf-8")
        self.assertIn(f"{job.mounts[0]}\n", listed)
        self.assertNotIn(f"{job.mounts[0]}/", listed, "the walk went into a mount of Copper")

    @with_profiles
    def test_what_was_used_of_an_environment_and_what_was_not(self):
        self.write("env/conda-meta/history", b"x")
        self.write("env/lib/used.py", b"used")
        self.write("env/lib/unused.py", b"x")
        job = self.start(ranks=2, options=["--profile-metrics", "--profile-paths-full"])
        for mount in job.mounts:
            pathlib.Path(f"{mount}/env/lib/used.py").read_bytes()
            self.assertFalse(os.path.exists(f"{mount}/env/lib/absent.py"))
        self.assertEqual(0, job.stop().returncode)
        done = job.copper("path-usage", job.directory)
        self.assertEqual(0, done.returncode, done.stderr)
        lines = {name: (pathlib.Path(job.directory) / "paths_dir" / name).read_text(encoding="utf-8").splitlines()
                 for name in ("used_paths_existing.txt", "missing_probe_paths.txt",
                              "same_run_candidate_not_observed_existing_paths.txt")}
        env = f"{self.source.resolve()}/env"
        self.assertEqual({"used_paths_existing.txt": [env, f"{env}/lib", f"{env}/lib/used.py"],
                          "missing_probe_paths.txt": [f"{env}/lib/absent.py"],
                          "same_run_candidate_not_observed_existing_paths.txt":
                              [f"{env}/conda-meta", f"{env}/conda-meta/history", f"{env}/lib/unused.py"]}, lines)
        done = job.copper("aggregate-profiling", job.directory)
        self.assertEqual(0, done.returncode, done.stderr)
        summary = (pathlib.Path(job.directory) / "profiling/cluster/cluster-profiling_summary.md").read_text(encoding="utf-8")
        self.assertIn("- Ranks aggregated: `2` of `2`", summary)
        self.assertIn(f"| `{env}` | 4 | 1 | 3 | 33.33% | 2 | 3 | 66.67% | 1 |", summary)


if __name__ == "__main__":
    copper_job.main()
