"""What profiling costs."""

import contextlib
import os
from pathlib import Path
from statistics import median

from file_rows import find_everywhere
from import_rows import NODES, import_everywhere
from mounts import CopperJob, bench_program
from processes import LAST_CPU, output_of, pinned, threads_of
from report import Result

SETTINGS = {
    "off": [],
    "--profile-metrics": ["--profile-metrics"],
    "--profile-top-n 20": ["--profile-top-n", "20"],
    "--profile-paths-full": ["--profile-paths-full"],
}
LOOP_SECONDS = 1
LEAST_ROUNDS = 15  # what is looked for is small
FILE = "packages/numpy/core/numeric.py"  # 77 KiB


def _pin(job):
    """With its client on one processor: the round trip is then the same each time, whatever else runs."""
    for pid in job.processes():
        for thread in threads_of(pid):
            os.sched_setaffinity(thread, {LAST_CPU})


def _cpu_seconds(job):
    """That the daemon's threads have used, by the scheduler's own clock."""
    files = [Path(f"/proc/{pid}/task/{thread}/schedstat") for pid in job.processes() for thread in threads_of(pid)]
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def _requests(job):
    """(requests a second that reach the daemon, one after the other; microseconds of its CPU for each)"""
    before = _cpu_seconds(job)
    command = [bench_program("loops"), "requests", str(job.mounts[0] / FILE), str(LOOP_SECONDS)]
    rate = float(output_of(pinned(command)))
    return rate, 1e6 * (_cpu_seconds(job) - before) / (rate * LOOP_SECONDS)


def measure_profile(setting):
    return _measure_loop(setting) + _measure_paths(setting)


def _measure_loop(setting):
    """All settings in turn, each round in another order; of each the ratio to its neighbour without profiling."""
    rates = {name: [] for name in SETTINGS}
    with contextlib.ExitStack() as stack:
        jobs = {name: stack.enter_context(CopperJob(setting.tree, 1, options)) for name, options in SETTINGS.items()}
        for job in jobs.values():
            _pin(job)
            _requests(job)
        for turn in range(max(setting.rounds, LEAST_ROUNDS)):
            names = list(SETTINGS)
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                rates[name].append(_requests(jobs[name]))
    setting.note("profile loop", rates)
    on = [name for name in SETTINGS if name != "off"]
    return [_rate(name, rates) for name in on] + [_cpu(name, rates) for name in on]


def _medians(name, rates, index):
    """Of a setting, of none, and of the ratios round by round."""
    mine, off = ([figures[index] for figures in rates[which]] for which in (name, "off"))
    return median(mine), median(off), median(one / other for one, other in zip(mine, off))


def _rate(name, rates):
    mine, off, ratio = _medians(name, rates, 0)
    reach, met = ("at least 0.97x off", ratio >= 0.97) if name == "--profile-metrics" else ("", None)
    return Result(f"warm requests, with {name} (native: profiling off)", reach, f"{mine:,.0f}/s", met, f"{off:,.0f}/s",
                  ratio)  # fmt: skip


def _cpu(name, rates):
    mine, off, ratio = _medians(name, rates, 1)
    return Result(f"   the daemon's CPU for each, with {name}", "", f"{mine:.2f} us", None, f"{off:.2f} us", ratio)


def _measure_paths(setting):
    times = {what: {"off": [], "--profile-paths-full": []} for what in ("import", "find")}
    for _ in range(setting.rounds):
        for name in ("off", "--profile-paths-full"):
            with CopperJob(setting.tree, NODES, SETTINGS[name]) as job:
                times["import"][name].append(import_everywhere(job.mounts))
            with CopperJob(setting.tree, NODES, SETTINGS[name]) as job:
                times["find"][name].append(find_everywhere(job.mounts))
    setting.note("profile paths", times)
    return [_paths_result("import of 5 packages on 4 mounts, cold, with --profile-paths-full", times["import"]),
            _paths_result("find -printf '%s\\n' on 4 mounts, cold, with --profile-paths-full", times["find"])]  # fmt: skip


def _paths_result(what, times):
    off, full = median(times["off"]), median(times["--profile-paths-full"])
    return Result(what, "", f"{full:.2f} s", None, f"{off:.2f} s", full / off)
