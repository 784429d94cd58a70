"""Python imports through all mounts at once, and the requests that they cost."""

import os
import time
from statistics import median

from kernel_counts import FUSE_REQUESTS, KernelCounts
from mounts import CopperJob
from processes import PYTHON, run_together
from report import Result, duration_result, limit_result

NODES = 4
IMPORT = """
import sys
root = sys.argv[1]
assert not any("dist-packages" in path for path in sys.path), sys.path
import numpy, scipy.linalg, sympy, pandas, matplotlib
assert all(m.__file__.startswith(root) for m in (numpy, scipy.linalg, sympy, pandas, matplotlib)), numpy.__file__
"""
REQUEST_JOBS = 3
EXPIRY = 2.5  # seconds: by then the default time to live of absent names is over


def _environment(root):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "MPLCONFIGDIR": "/nonexistent", "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}  # fmt: skip


def import_everywhere(roots):
    """Seconds for one import at each root, all at once. No `site`, so Debian's own packages are out of reach."""
    places = [f"{root}/packages" for root in roots]
    commands = [[PYTHON, "-S", "-s", "-c", IMPORT, place] for place in places]
    return run_together(commands, [_environment(place) for place in places])


def measure_imports(setting):
    times = {"native cold": [], "native warm": [], "cold": [], "warm": []}
    native = [setting.tree] * NODES
    import_everywhere(native)
    for _ in range(setting.rounds):
        times["native cold"].append(import_everywhere(native))
        times["native warm"].append(import_everywhere(native))
        with CopperJob(setting.tree, NODES) as job:
            times["cold"].append(import_everywhere(job.mounts))
            times["warm"].append(import_everywhere(job.mounts))
    setting.note("import", times)
    return [
        duration_result("import of 5 packages on 4 mounts at once, cold", 1.5, times["cold"], times["native cold"]),
        duration_result("the same again, warm", 1.1, times["warm"], times["native warm"]),
    ]


def _requests_of_imports(setting, options):
    """Per daemon the requests of a cold import, then of a warm one: {operation: number}, twice a list."""
    with CopperJob(setting.tree, NODES, options) as job, KernelCounts(FUSE_REQUESTS) as counts:
        import_everywhere(job.mounts)
        cold = [counts.requests(job.mount(rank).connection) for rank in range(NODES)]
        time.sleep(EXPIRY)
        before = [counts.requests(job.mount(rank).connection) for rank in range(NODES)]
        import_everywhere(job.mounts)
        after = [counts.requests(job.mount(rank).connection) for rank in range(NODES)]
    warm = [{name: n - first.get(name, 0) for name, n in last.items()} for first, last in zip(before, after)]
    return cold, warm


def _worst(jobs, index, operations=None):
    """The busiest daemon's requests (of some operations), in the median job."""
    totals = [[sum(n for name, n in daemon.items() if not operations or name in operations) for daemon in job[index]]
              for job in jobs]  # fmt: skip
    return median(map(max, totals))


def measure_requests(setting):
    default = [_requests_of_imports(setting, []) for _ in range(REQUEST_JOBS)]
    for_ever = [_requests_of_imports(setting, ["--md-enoent-ttl-ms", "-1"]) for _ in range(REQUEST_JOBS)]
    setting.note("requests", {"default TTL, first daemon": [[cold[0], warm[0]] for cold, warm in default],
                              "TTL -1, first daemon": [[cold[0], warm[0]] for cold, warm in for_ever]})  # fmt: skip
    return [
        limit_result("requests that reach a daemon, import cold", 8000, _worst(default, 0), ""),
        limit_result("requests, warm, default TTL (over by then)", 800, _worst(default, 1), ""),
        limit_result("requests, warm, TTL -1", 300, _worst(for_ever, 1), ""),
        Result("   of these ioctl: Python's isatty() at each open", "", f"{_worst(for_ever, 1, ['ioctl']):,.0f}", None),
    ]
