"""What the scenarios about the launch and stop scripts share: a place of their own, and a look for what is left."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import copper_job  # noqa: E402 (found by the line above)

JOBSCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "jobscripts"
SKIPPED = 77  # what ctest shows as skipped


def skip_or_fail(reason):
    """Ends the program where this machine lacks what it tests with; where everything is installed that is a failure."""
    print(f"SKIPPED: {reason}", file=sys.stderr)
    sys.exit(1 if os.environ.get("COPPER_TESTS_SKIP_NOTHING") else SKIPPED)


def processes_naming(text):
    """(pid, start time) of each process whose command line names `text`, but for this one."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.fsencode(text) in pathlib.Path(f"/proc/{name}/cmdline").read_bytes() and int(name) != os.getpid():
                found.append(copper_job.identity(int(name)))
    return [process for process in found if process]


def kill_all(processes):
    """None of them may act on the death of another."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid, _ in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Launchers(copper_job.Scenario):
    """A test with the scripts of one site: `site` is the end of their names."""

    site = ""
    ranks = 4
    options = ("-n", "tcp")

    def setUp(self):
        super().setUp()
        self.base = self.root / "logs"
        self.mount = f"{self.root}/mnt/%r"
        self.write("directory/file", "the content")
        self.addCleanup(self.remove_what_is_left)
        self.environment = {**os.environ, "COPPER_BIN": str(copper_job.BUILD / "bin")}
        for name in ("SLURM_JOB_ID", "PBS_JOBID", "PBS_NODEFILE", "COPPER_LAUNCH_COMMAND", "COPPER_ADDRESS_BOOK"):
            self.environment.pop(name, None)

    def script(self, verb):
        return str(JOBSCRIPTS / f"{verb}_copper{self.site}.sh")

    def call(self, *command, timeout=120, **variables):
        return copper_job.run(*command, timeout=timeout, env={**self.environment, **variables}, cwd=self.root)

    def launch_command(self, *options, mount=None, base=None):
        return [self.script("launch"), "-d", str(base or self.base), "-v", mount or self.mount, *self.options, *options]

    def launch(self, *options, mount=None, base=None, **variables):
        """A launch that works."""
        launched = self.call(*self.launch_command("-s", str(60 * copper_job.PATIENCE)[:-2], *options, mount=mount, base=base),
                             **variables)
        self.assertEqual(0, launched.returncode, launched.stdout + launched.stderr + self.logs())
        return launched

    def refuse(self, *options, because, mount=None, base=None, **variables):
        """A launch that does not, says why, and leaves what was there as it was."""
        before = set(processes_naming(str(self.root))), copper_job.mounts_below(self.root)
        launched = self.call(*self.launch_command(*options, mount=mount, base=base), **variables)
        self.assertNotEqual(0, launched.returncode, launched.stdout)
        self.assertRegex(launched.stderr, because)
        left = set(processes_naming(str(self.root))), copper_job.mounts_below(self.root)
        self.assertEqual(before, left, launched.stderr)
        return launched

    def stop(self, *options, base=None, status=0, **variables):
        stopped = self.call(self.script("stop"), "-d", base or self.base, *options, **variables)
        self.assertEqual(status, stopped.returncode, stopped.stdout + stopped.stderr + self.logs())
        return stopped

    def job(self, base=None):
        """The one job directory below a base."""
        found = list((base or self.base).iterdir())
        self.assertEqual(1, len(found), found)
        return found[0]

    def logs(self):
        return "".join(f"\n{log.parent.parent.name}/{log.name}: {log.read_text(errors='replace')[-1500:]}"
                       for log in sorted(self.root.glob("*/*/logs/*")) if log.is_file())

    def mounts(self):
        return [self.mount.replace("%r", str(rank)) for rank in range(self.ranks)]

    def assert_serves(self, mounts=None):
        for mount in mounts or self.mounts():
            self.assertEqual("the content", pathlib.Path(f"{mount}{self.source}/directory/file").read_text())

    def what_is_left(self, seconds=10, root=None):
        def left():
            named = processes_naming(f"{root or self.root}/")
            return [copper_job.Job.describe(pid) for pid, _ in named] + copper_job.mounts_below(root or self.root)
        copper_job.until(lambda: not left(), seconds)
        return left()

    def assert_nothing_left(self, seconds=10):
        self.assertEqual([], self.what_is_left(seconds), self.logs())

    def remove_what_is_left(self):
        left = self.what_is_left(10)
        kill_all(processes_naming(f"{self.root}/"))
        time.sleep(0.1)
        for point in copper_job.mounts_below(self.root):
            copper_job.unmount(point)
        self.assertEqual([], left, f"left behind\n{self.logs()}")

    def exit_record(self):
        return json.loads((self.job() / "logs/exit.json").read_text())

    def start_in_background(self, *options):
        """A launcher that is at work; its output goes to a file."""
        launcher = subprocess.Popen(self.launch_command(*options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env=self.environment, cwd=self.root)
        self.addCleanup(launcher.wait)
        return launcher


class Killed:
    """Ends that are the same for each site: to be mixed into a class that derives from Launchers."""

    def test_a_launcher_that_is_killed_takes_what_it_started_with_it(self):
        launcher = self.start_in_background()
        self.assertTrue(copper_job.until(lambda: copper_job.daemons_of(self.root), 20, pause=0.002))
        launcher.kill()
        launcher.wait()
        self.assert_nothing_left(60)
        self.launch()
        self.assert_serves()
        self.stop()

    def test_a_launcher_that_is_interrupted_ends_what_it_started(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                launcher = self.start_in_background()
                self.assertTrue(copper_job.until(lambda: copper_job.daemons_of(self.root), 20, pause=0.002))
                launcher.send_signal(number)
                self.assertEqual(128 + number, launcher.wait(60))
                self.assert_nothing_left(5)

    def test_the_next_launch_takes_dead_mounts_away(self):
        self.launch()
        kill_all([copper_job.identity(pid) for pid in copper_job.daemons_of(self.root)])
        self.assertTrue(copper_job.until(lambda: not copper_job.daemons_of(self.root), 10))
        self.assertEqual(sorted(self.mounts()), sorted(copper_job.mounts_below(self.root)))
        self.launch()
        self.assert_serves()
        self.stop()
