#!/usr/bin/env python3
"""The Frontier scripts, unchanged, in a real Slurm of four nodes on this machine: in sbatch and in salloc."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import textwrap
import time
import uuid

import launchers
import slurm_cluster
from launchers import copper_job

import slow_source  # beside copper_job


class Allocation:
    """salloc, held while the environment that it gives is used."""

    def __init__(self, cluster):
        self.place = cluster.root / f"allocation-{uuid.uuid4().hex}"
        self.process = subprocess.Popen(
            ["salloc", "--exclusive", f"-N{len(cluster.nodes)}", "bash", "-c",
             f"env -0 >{self.place}.part && mv {self.place}.part {self.place} && read -r"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=cluster.environment)
        if not copper_job.until(self.place.exists, 30):
            self.end()
            raise AssertionError(f"no allocation: {cluster.last_words()}")
        self.environment = dict(pair.split("=", 1) for pair in self.place.read_text().split("\0") if pair)

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


class Slurm(launchers.Launchers):
    site = "_frontier"
    options = ("-n", "tcp", "-b", "0")  # what this machine has instead of cxi and cores 1 and 2

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(slurm_cluster.Cluster())

    def setUp(self):
        super().setUp()
        self.environment = {**self.cluster.environment, "COPPER_BIN": str(copper_job.BUILD / "bin"),
                            "COPPER_SRUN_OPTIONS": "--mpi=pmi2"}

    def allocate(self):
        allocation = Allocation(self.cluster)
        self.addCleanup(allocation.end)
        self.environment.update({name: value for name, value in allocation.environment.items()
                                 if name.startswith("SLURM_")})
        return allocation

    def script_words(self, verb, *options):
        return " ".join([self.script(verb), "-d", str(self.base), *options])

    def batch(self, *lines):
        """Submits a job script; its number."""
        script = self.root / "job.sh"
        script.write_text("#!/bin/bash\n#SBATCH -N 4 --exclusive\nset -e\n" + textwrap.dedent("\n".join(lines)) + "\n")
        submitted = self.call("sbatch", "--parsable", "-o", self.root / "job.out", script)
        self.assertEqual(0, submitted.returncode, submitted.stderr)
        return submitted.stdout.strip()

    def output(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.root / "job.out").read_text()
        return ""

    def state(self, number):
        shown = self.call("scontrol", "-o", "show", "job", number).stdout
        return dict(pair.split("=", 1) for pair in shown.split() if "=" in pair)

    def wait_for_job(self, number, seconds=120):
        over = copper_job.until(lambda: self.state(number).get("JobState") not in ("PENDING", "RUNNING", "COMPLETING"),
                                seconds, pause=0.2)
        self.assertTrue(over, self.output() + self.logs())
        return self.state(number)

    def steps(self, number):
        return self.call("squeue", "-h", "-s", "-j", number, "-o", "%i").stdout.split()


class Batch(Slurm):
    def test_launch_workload_beside_it_stop(self):
        look = self.write("look.sh", f"""
            echo "$SLURMD_NODENAME: $(cat {self.root}/mnt/$SLURM_PROCID{self.source}/directory/file)"
            """)
        number = self.batch(
            self.script_words("launch", "-v", self.mount, "-l", "4", *self.options),
            f"grep -H Cpus_allowed_list $(sed -n '/pids/,/]/s/[^0-9]*\\([0-9]\\+\\).*/\\/proc\\/\\1\\/status/p' "
            f"{self.base}/$SLURM_JOB_ID/logs/ready.json)",
            f"srun --overlap --ntasks-per-node=1 bash {look}",
            "squeue -h -s -j $SLURM_JOB_ID -o 'step %j'",
            self.script_words("stop"))
        state = self.wait_for_job(number)
        output = self.output()
        self.assertEqual("COMPLETED", state["JobState"], output + self.logs())
        self.assertRegex(output, r"4 ranks[^\n]*min +median +max")
        for node in self.cluster.nodes:
            self.assertIn(f"{node}: the content", output)
        self.assertEqual(4, output.count("Cpus_allowed_list:\t0\n"), output)
        self.assertIn("step copper", output)
        self.assertIn(f"results in {self.base}/{number}", output)
        self.assert_nothing_left()

    def profile(self, number):
        return self.base / number / "profiling/final/copper_profile.h5"

    def test_the_profile_is_there_after_the_stop(self):
        look = self.write("look.sh", f"cat {self.root}/mnt/$SLURM_PROCID{self.source}/directory/file")
        number = self.batch(
            self.script_words("launch", "-v", self.mount, "-P", "-N", "10", "-A", "-I", "60", *self.options),
            f"srun --overlap --ntasks-per-node=1 bash {look}",
            self.script_words("stop"),
            f"{copper_job.COPPER} path-usage {self.base}/$SLURM_JOB_ID --usage-root {self.source}")
        self.assertEqual("COMPLETED", self.wait_for_job(number)["JobState"], self.output() + self.logs())
        self.assertIn(str(self.profile(number)), self.output())
        used = (self.base / number / "paths_dir/used_paths_existing.txt").read_text()
        self.assertIn(f"{self.source}/directory/file\n", used)

    def test_scancel_in_the_middle_leaves_nothing_but_the_profile(self):
        number = self.batch(
            self.script_words("launch", "-v", self.mount, "-P", *self.options),
            "echo serving",
            "srun --overlap --ntasks-per-node=1 sleep 300")
        self.assertTrue(copper_job.until(lambda: "serving" in self.output(), 60), self.output() + self.logs())
        self.assertTrue(copper_job.until(lambda: len(self.steps(number)) == 3, 20), self.steps(number))
        self.assert_serves()
        self.call("scancel", number)
        self.assertEqual("CANCELLED", self.wait_for_job(number)["JobState"])
        self.assert_nothing_left(30)
        self.assertTrue(self.profile(number).exists(), self.logs())
        again = self.batch(self.script_words("launch", "-v", self.mount, *self.options), self.script_words("stop"))
        self.assertEqual("COMPLETED", self.wait_for_job(again)["JobState"], self.output())

    def test_scancel_while_the_source_hangs_leaves_nothing_but_the_profile(self):
        place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="copper-hanging-", dir="/tmp")))
        (place / "source").mkdir()
        (place / "source/file").write_text("hanging")
        hanging = slow_source.SlowSource(place / "source", [place / "mounted"])
        hanging.start()
        self.addCleanup(hanging.end)
        hanging.hang("read", "*")
        look = self.write("look.sh", f"cat {self.root}/mnt/$SLURM_PROCID{place}/mounted/file")
        number = self.batch(
            self.script_words("launch", "-v", self.mount, "-P", *self.options),
            f"srun --overlap --ntasks-per-node=1 bash {look}")
        hanging.wait_until_hanging(1, 60)
        self.call("scancel", number)
        began = time.monotonic()
        self.assertEqual("CANCELLED", self.wait_for_job(number)["JobState"])
        self.assert_nothing_left(30)
        self.assertLess(time.monotonic() - began, 30 * copper_job.PATIENCE)
        self.assertTrue(self.profile(number).exists(), self.logs())

    def test_a_job_script_that_forgets_to_stop_leaves_nothing(self):
        number = self.batch(self.script_words("launch", "-v", self.mount, *self.options))
        self.assertEqual("COMPLETED", self.wait_for_job(number)["JobState"], self.output() + self.logs())
        self.assert_nothing_left(30)


class Interactive(launchers.Killed, Slurm):
    def setUp(self):
        super().setUp()
        self.allocation = self.allocate()

    def test_launch_and_stop_from_the_login_node(self):
        self.launch()
        self.assert_serves()
        self.assertEqual(self.environment["SLURM_JOB_ID"], self.job().name)
        self.refuse(because="running in .* already")
        self.assert_serves()
        self.stop()
        self.assert_nothing_left()
        self.assertIn("has ended already", self.stop().stderr)

    def test_the_reason_of_a_failed_start(self):
        launched = self.refuse("-T", "9", because="--trees 9 is over the number of ranks")
        self.assertIn("srun says:", launched.stderr)
        self.assertIn("taskset", self.refuse("-b", "4000", because="did not get ready").stderr)

    def test_a_busy_mount_is_named(self):
        self.launch()
        busy = subprocess.Popen(["sleep", "100"], cwd=f"{self.mounts()[1]}{self.source}/directory")
        self.addCleanup(busy.wait)
        self.addCleanup(busy.kill)
        stopped = self.stop(COPPER_BUSY_SECONDS="1")
        self.assertRegex(stopped.stderr, rf"process {busy.pid} \(sleep\) uses {self.mounts()[1]}\b")
        self.assert_nothing_left()

    def test_a_lost_rank_does_not_end_the_others(self):
        self.launch()
        lost = copper_job.json.loads((self.job() / "logs/ready.json").read_text())["pids"][3]
        os.kill(lost, signal.SIGKILL)
        self.assertTrue(copper_job.until(lambda: self.mounts()[3] not in copper_job.mounts_below(self.root), 20))
        self.assert_serves(self.mounts()[:3])
        self.stop()
        self.assertEqual([3], self.exit_record()["lost"])
        self.assert_nothing_left()

    def test_srun_is_killed(self):
        self.launch()
        for pid, _ in launchers.processes_naming(f"{self.root}/"):
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("srun"):
                    os.kill(pid, signal.SIGKILL)
        # slurmd goes on with the step, which then serves as before, or kills it, the mounters too: at once, or some time later.
        dead = copper_job.until(lambda: not copper_job.daemons_of(self.root), 10)
        if not dead:
            stopped = self.call(self.script("stop"), "-d", self.base)
            dead = stopped.returncode != 0
            self.assertRegex(stopped.stderr, "died meanwhile|nothing running|mounts are left" if dead else "has ended")
        if dead:
            self.launch()
            self.assert_serves()
            self.stop()
        self.assert_nothing_left(20)


class Refusals(Slurm):
    def test_without_a_job(self):
        self.refuse(because="no Slurm job here .SLURM_JOB_ID is not set")
        stopped = self.stop(status=2)
        self.assertIn("no Slurm job here", stopped.stderr)

    def test_a_job_without_nodes(self):
        self.refuse(because="has no nodes", SLURM_JOB_ID="1", SLURM_JOB_NODELIST="", SLURM_JOB_NUM_NODES="")


if __name__ == "__main__":
    if missing := slurm_cluster.missing_programs():
        launchers.skip_or_fail(f"Slurm is not installed here ({', '.join(missing)}): jobscripts/install_dependencies.sh --test")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the cluster ends with it
    copper_job.main()
