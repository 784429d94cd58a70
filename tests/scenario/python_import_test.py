"""A real Python import through four mounts at once, cold and warm."""

import concurrent.futures
import os
import unittest

import copper_job

PACKAGES = "/usr/lib/python3/dist-packages"
PROGRAM = """
import sys, numpy, numpy.linalg
assert numpy.__file__.startswith(sys.argv[1]), numpy.__file__
natives = [module.__file__ for module in sys.modules.values() if "dist-packages" in (getattr(module, "__file__", None) or "")]
assert natives and all(name.startswith(sys.argv[1]) for name in natives), natives
with open("/proc/self/maps") as maps:
    assert sys.argv[1] in maps.read(), "extension modules are mapped from the mount"
print(round(float(numpy.linalg.det(numpy.eye(50) * 2)) / 2**50))
"""


@unittest.skipUnless(os.path.isdir(f"{PACKAGES}/numpy"), "python3-numpy is not installed")
class PythonImport(copper_job.Scenario):
    def run_everywhere(self, job):
        def run(mount):
            environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{mount}{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1",
                           "OPENBLAS_NUM_THREADS": "1"}
            return copper_job.run("/usr/bin/python3", "-S", "-c", PROGRAM, mount, env=environment, timeout=120)
        with concurrent.futures.ThreadPoolExecutor(len(job.mounts)) as pool:
            for done in pool.map(run, job.mounts):
                self.assertEqual("1\n", done.stdout, done.stderr)

    def test_numpy(self):
        job = self.start(target="/")
        self.run_everywhere(job)
        cold = job.total("bytes_from_source")
        self.run_everywhere(job)
        self.assertEqual(cold, job.total("bytes_from_source"), "the second import reads nothing from the source")


copper_job.main()
