"""What profiling costs."""

import contextlib
from statistics import median

from file_rows import find_everywhere
from import_rows import NODES, import_everywhere
from mounts import CopperJob, bench_program
from processes import output_of, pinned
from report import Result

SETTINGS = {
    "off": [],
    "--profile-metrics": ["--profile-metrics"],
    "--profile-top-n 20": ["--profile-top-n", "20"],
    "--profile-paths-full": ["--profile-paths-full"],
}
LOOP_SECONDS = 1
LEAST_ROUNDS = 15  # what is looked for is small
FILE = "packages/numpy/__init__.py"


def _requests(mount):
    """Requests a second that reach the daemon, one after the other."""
    return float(output_of(pinned([bench_program("loops"), "requests", str(mount / FILE), str(LOOP_SECONDS)])))


def measure_profile(setting):
    return _measure_loop(setting) + _measure_paths(setting)


def _measure_loop(setting):
    """All settings in turn, each round in another order; of each the ratio to its neighbour without profiling."""
    rates = {name: [] for name in SETTINGS}
    with contextlib.ExitStack() as stack:
        jobs = {name: stack.enter_context(CopperJob(setting.tree, 1, options)) for name, options in SETTINGS.items()}
        for job in jobs.values():
            _requests(job.mounts[0])
        for turn in range(max(setting.rounds, LEAST_ROUNDS)):
            names = list(SETTINGS)
            for name in names[turn % len(names):] + names[:turn % len(names)]:
                rates[name].append(_requests(jobs[name].mounts[0]))
    setting.note("profile loop", rates)
    return [_loop_result(name, rates) for name in SETTINGS if name != "off"]


def _loop_result(name, rates):
    ratio = median(mine / off for mine, off in zip(rates[name], rates["off"]))
    reach, met = ("at least 0.97x off", ratio >= 0.97) if name == "--profile-metrics" else ("", None)
    return Result(f"warm requests, with {name} (native: profiling off)", reach, f"{median(rates[name]):,.0f}/s", met,
                  f"{median(rates['off']):,.0f}/s", ratio)  # fmt: skip


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
