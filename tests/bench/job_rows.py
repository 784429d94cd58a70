"""The job itself: start, stop, what it costs to have it."""

import json
import subprocess
import tempfile
import threading
import time
from statistics import median

from file_rows import LARGE, read_everywhere
from import_rows import NODES, import_everywhere
from mounts import CopperJob, bench_program
from processes import resident_bytes, run_together, ticks_of
from report import Result, limit_result

IDLE_SECONDS = 10
MANY = 64
FIRST = {0, 1, 3}  # of NODES: rank 0 and its deputies (src/job/first_ranks.h)
MIB = 1 << 20


def _empty_program(ranks):
    return run_together([["mpiexec", "-n", str(ranks), bench_program("empty_mpi")]])


def _starts(setting, ranks, rounds):
    """Seconds until ready, and seconds of an MPI program that does nothing, in alternation."""
    times = {"ready": [], "empty": []}
    for _ in range(rounds):
        times["empty"].append(_empty_program(ranks))
        with CopperJob(setting.tree, ranks) as job:
            times["ready"].append(job.seconds_to_ready)
            timings = json.loads((job.directory / "logs" / "ready.json").read_text())
    setting.note(f"ready, {ranks} ranks", {**times, "ready.json of the last": timings})
    return median(times["ready"]), median(times["empty"])


def measure_ready(setting):
    few, few_empty = _starts(setting, NODES, setting.rounds)
    many, many_empty = _starts(setting, MANY, setting.rounds)
    return [
        Result("mpiexec until ready, 4 ranks (native: empty MPI program)", "at most 1 s", f"{few:.2f} s", few <= 1,
               f"{few_empty:.2f} s", few / few_empty),
        Result("mpiexec until ready, 64 ranks", "at most 2x empty MPI", f"{many:.2f} s", many <= 2 * many_empty,
               f"{many_empty:.2f} s", many / many_empty),
    ]  # fmt: skip


def _reductions(ranks, paths, which, rounds):
    """What reduce_profiles prints, and seconds of it and of an MPI program that does nothing, in alternation."""
    figures, seconds, empty = [], [], []
    for _ in range(rounds):
        empty.append(_empty_program(ranks))
        with tempfile.TemporaryDirectory(prefix="copper-bench-") as directory:
            command = ["mpiexec", "-n", str(ranks), bench_program("reduce_profiles"), str(paths), which,
                       f"{directory}/profile.h5"]  # fmt: skip
            begin = time.monotonic()
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=True).stdout
            seconds.append(time.monotonic() - begin)
        figures.append(json.loads(output))
    return figures, median(seconds), median(empty)


def measure_reduction(setting):
    """Profiles with full paths, reduced over MPI and written; without the job that made them."""
    many, seconds, empty = _reductions(MANY, 20_000, "same", setting.rounds)
    own, own_seconds, own_empty = _reductions(MANY, 20_000, "distinct", setting.rounds)
    million, _, _ = _reductions(NODES, 250_000, "distinct", setting.rounds)
    setting.note("reduction", {"64 x 20,000 same": many, "64 x 20,000 distinct": own, "4 x 250,000": million})

    def middle(name):
        return median(figures[name] for figures in million)

    took = median(figures["reduce_s"] + figures["write_s"] for figures in million)
    return [
        Result("64 ranks of the same 20,000 paths: made, reduced, written", "2 s beyond empty MPI", f"{seconds:.2f} s",
               seconds <= empty + 2, f"{empty:.2f} s"),
        Result("   each rank 20,000 paths of its own", "2 s beyond empty MPI", f"{own_seconds:.2f} s",
               own_seconds <= own_empty + 2, f"{own_empty:.2f} s"),
        limit_result("4 ranks, 1,000,000 distinct paths: reduced and written", 10, took, "s", 2),
        limit_result("   memory of rank 0", 500, middle("peak_mb"), "MiB"),
        limit_result("   the file", 20, middle("file_mb"), "MB", 1),
    ]  # fmt: skip


def measure_stop(setting):
    times = []
    for number in range(setting.rounds):
        with CopperJob(setting.tree, NODES) as job:
            import_everywhere(job.mounts)
            time.sleep(number / setting.rounds)  # the job looks for requests once a second: meet it at any moment
            times.append(job.stop())
    setting.note("stop", times)
    return [limit_result("stop until every mount and process is gone, 4 ranks", 1.5, median(times), "s", 2)]


def measure_idle(setting):
    """After an import, so that there is something to expire."""
    with CopperJob(setting.tree, NODES) as job:
        import_everywhere(job.mounts)
        time.sleep(3)
        pids = job.processes()
        before = {pid: ticks_of(pid) for pid in pids}
        time.sleep(IDLE_SECONDS)
        used = [ticks_of(pid) - before[pid] for pid in pids]
    setting.note("idle", {"ticks of each process": used})
    what = f"CPU of all daemons while idle, {IDLE_SECONDS} s (clock ticks of 10 ms)"
    return [Result(what, "0", f"{sum(used)} ticks", sum(used) <= 1)]


class ExcessSampler(threading.Thread):
    """The most resident bytes of a rank's processes, beyond those in its data table, while something runs."""

    def __init__(self, job, rank):
        super().__init__()
        self._job, self._rank = job, rank
        self._pids = job.processes_of(rank)
        self._over = threading.Event()
        self._samples = []

    def run(self):
        while not self._over.wait(0.01):
            self._samples.append(self.sample())

    def sample(self):
        resident = sum(map(resident_bytes, self._pids))
        return resident - self._job.live(self._rank, "cache_usage.json")["data"]["bytes"]

    def finish(self):
        self._over.set()
        self.join()
        return max(self._samples)


def _memory_of_one_job(setting):
    """MiB beyond the data, of the worst rank: (idle, at the peak of the large read)."""
    with CopperJob(setting.tree, NODES) as job:
        samplers = [ExcessSampler(job, rank) for rank in range(NODES)]
        idle = max(sampler.sample() for sampler in samplers) / MIB
        for sampler in samplers:
            sampler.start()
        try:
            read_everywhere([mount / LARGE for mount in job.mounts])
        finally:
            peak = max(sampler.finish() for sampler in samplers) / MIB
    return idle, peak


def _idle_with_profiling(setting):
    """MiB beyond the data, idle: (the worst of rank 0 and its deputies, which can write the profile; of the others)."""
    with CopperJob(setting.tree, NODES, ["--profile-metrics"]) as job:
        idle = [ExcessSampler(job, rank).sample() / MIB for rank in range(NODES)]
    return max(idle[rank] for rank in FIRST), max(idle[rank] for rank in set(range(NODES)) - FIRST)


def measure_memory(setting):
    jobs = [(*_memory_of_one_job(setting), *_idle_with_profiling(setting)) for _ in range(setting.rounds)]
    setting.note("memory", {"MiB idle, at the peak; idle with profiling of the first ranks, of the others": jobs})
    idle, peak, first, other = (median(values) for values in zip(*jobs))
    return [
        limit_result("resident memory per node beyond its data, idle", 32, idle, "MiB"),
        limit_result("   with --profile-metrics: rank 0 and its deputies", 43, first, "MiB"),
        limit_result("   the other ranks", 32, other, "MiB"),
        limit_result("the same at the peak of the 512 MiB read", 58, peak, "MiB"),
    ]
