"""The program copper_simulate: two runs are one, also in two processes, whose addresses differ; what is wrong is told."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
JOB = ["--nodes", "12", "--files", "30", "--mib", "8"]


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)


class Program(unittest.TestCase):
    def test_two_runs_have_one_hash(self):
        command = [*JOB, "--seed", "7", "--faults", "all", "--fault-count", "4", "--fault-window-ms", "300"]
        hashes = [re.search(r"hash ([0-9a-f]{16})", run(*command).stdout).group(1) for _ in range(2)]
        self.assertEqual(hashes[0], hashes[1])
        other = re.search(r"hash ([0-9a-f]{16})", run(*command, "--source", "slow").stdout).group(1)
        self.assertNotEqual(hashes[0], other)

    def test_what_holds_ends_with_0(self):
        done = run(*JOB, "--seeds", "2")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("0 of 2 runs failed", done.stdout)

    def test_bad_input_is_one_line_and_2(self):
        for arguments in (["--nodes", "0"], ["--fabric", "pigeons"], ["--bad"], ["--table", "/dev/null/plots"], ["--workload", "trace", "--trace", "/nonexistent"]):
            done = run(*arguments)
            self.assertEqual(2, done.returncode, arguments)
            self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)
            self.assertEqual("", done.stdout)

    def test_a_trace_is_replayed_and_a_bad_one_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            trace = pathlib.Path(directory) / "trace"
            trace.write_text("# one file\nf 5000 /a/b\na 0 /a/absent\nL 1 10\nL 0 10\nR 0 10\n")
            done = run("--nodes", "4", "--workload", "trace", "--trace", str(trace))
            self.assertEqual(0, done.returncode, done.stderr)
            for bad in ("f 10 b\nL 0 1\n", "f 10 /a\nL 1 1\n", "f 10 /a\nD 0 1\n", "x\n", ""):
                trace.write_text(bad)
                done = run("--nodes", "4", "--workload", "trace", "--trace", str(trace))
                self.assertEqual(2, done.returncode, bad)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
