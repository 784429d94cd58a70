#!/usr/bin/env python3
"""Every script that users or tests run is clean for shellcheck, also the examples."""

import pathlib
import shutil
import subprocess
import unittest

import launchers

ROOT = pathlib.Path(__file__).resolve().parents[2]


def shell_scripts():
    names = [*ROOT.glob("jobscripts/**/*"), *ROOT.glob("tests/*.sh"), *ROOT.glob("tests/*/*.sh")]
    return sorted(name for name in names if name.suffix in (".sh", ".pbs", ".sbatch"))


class Shellcheck(unittest.TestCase):
    def check(self, *scripts):
        return subprocess.run(["shellcheck", "--shell=bash", "-x", "-P", str(ROOT), *scripts], cwd=ROOT, capture_output=True,
                              text=True, check=False)

    def test_every_script_is_clean(self):
        scripts = shell_scripts()
        self.assertGreater(len(scripts), 15, "the check looks in the wrong place")
        checked = self.check(*scripts)
        self.assertEqual(0, checked.returncode, checked.stdout + checked.stderr)

    def test_a_defect_is_found(self):
        self.assertIn("SC2086", subprocess.run(["shellcheck", "--shell=bash", "-"], input="rm $1\n", capture_output=True,
                                               text=True, check=False).stdout)


if __name__ == "__main__":
    if not shutil.which("shellcheck"):
        launchers.skip_or_fail("shellcheck is not installed here: jobscripts/install_dependencies.sh --test")
    unittest.main(verbosity=2)
