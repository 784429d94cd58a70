"""Walking, stat, open and reading, through the mounts and on the source."""

from statistics import median

from benchmark_tree import LARGE_SIZE, contents
from import_rows import NODES, import_everywhere
from kernel_counts import LISTINGS, READS, KernelCounts
from mounts import CopperJob, MemoryMounts, bench_program
from processes import output_of, pinned, run_together, threads_of
from report import Result, rate_result

LOOP_SECONDS = 0.5
LARGE = "data/large.bin"
KERNEL_READ_AHEAD = "128\n"  # KiB: what a FUSE mount has that nobody tunes


def find_everywhere(roots):
    return run_together([["find", str(root), "-printf", "%s\\n"] for root in roots])


def _entries(root):
    return output_of(["find", str(root), "-printf", "."]).count(".")


def measure_find(setting):
    entries = NODES * _entries(setting.tree)
    rates = {"native": [], "cold": [], "warm": []}
    for _ in range(setting.rounds):
        rates["native"].append(entries / find_everywhere([setting.tree] * NODES))
        with CopperJob(setting.tree, NODES) as job:
            rates["cold"].append(entries / find_everywhere(job.mounts))
            rates["warm"].append(entries / find_everywhere(job.mounts))
    setting.note("find", rates)
    return [
        _find_result("find -printf '%s\\n' on 4 mounts at once, cold", 80_000, rates["cold"], rates["native"]),
        _find_result("the same, warm", 300_000, rates["warm"], rates["native"]),
    ]


def _find_result(what, reach, rates, native):
    rate = median(rates)
    return Result(what, f"{reach:,} entries/s", f"{rate:,.0f} entries/s", rate >= reach,
                  f"{median(native):,.0f} entries/s", rate / median(native))  # fmt: skip


LOOPS = (
    ("stat", "packages/numpy/__init__.py", "stat of one file in a loop", 0.8),
    ("absent", "packages/numpy", "stat of absent names in a loop", 0.8),
    ("open", "packages/numpy/__init__.py", "open + read 4 KiB + close in a loop", 0.5),
)


def _loop(mode, path):
    return float(output_of(pinned([bench_program("loops"), mode, str(path), str(LOOP_SECONDS)])))


def measure_loops(setting):
    results = []
    with CopperJob(setting.tree, NODES) as job:
        for mode, path, what, reach in LOOPS:
            rates = {"native": [], "copper": []}
            for _ in range(max(setting.rounds, 7)):
                rates["native"].append(_loop(mode, setting.tree / path))
                rates["copper"].append(_loop(mode, job.mounts[0] / path))
            setting.note(mode, rates)
            results.append(rate_result(what, reach, rates["copper"], rates["native"], "k/s", 1e3))
    return results


def read_everywhere(files):
    """Bytes per second delivered over all, from the first process's start to the last one's end."""
    program = bench_program("loops")
    return NODES * LARGE_SIZE / run_together([[program, "read", str(file)] for file in files])


def read_from_memory_mounts(limits):
    with MemoryMounts(LARGE_SIZE, limits) as memory:
        return read_everywhere([mount / "large.bin" for mount in memory.mounts])


def measure_large_reads(setting):
    rates = {"memory": [], "plain memory": [], "cold": [], "warm": [], "native": []}
    native = [setting.tree / LARGE] * NODES
    read_everywhere(native)
    for _ in range(setting.rounds):
        with CopperJob(setting.tree, NODES) as job:
            limits = job.mount(0).read_limits()
            rates["cold"].append(read_everywhere([mount / LARGE for mount in job.mounts]))
            rates["warm"].append(read_everywhere([mount / LARGE for mount in job.mounts]))
        rates["native"].append(read_everywhere(native))
        rates["plain memory"].append(read_from_memory_mounts((limits[0], KERNEL_READ_AHEAD)))
        rates["memory"].append(read_from_memory_mounts(limits))
    setting.note("large", rates)
    return [
        rate_result("512 MiB file read on 4 mounts at once, cold", 0.55, rates["cold"], rates["plain memory"], "GB/s", 1e9,
                    "memory mounts"),
        rate_result("   memory mounts with Copper's read-ahead instead of the kernel's", 0.55, rates["cold"], rates["memory"],
                    "GB/s", 1e9, "memory mounts"),
        rate_result("the same, warm", 0.5, rates["warm"], rates["native"], "GB/s", 1e9),
    ]  # fmt: skip


def _read_all(job):
    run_together([["find", str(mount), "-path", "*/.copper", "-prune", "-o", "-type", "f", "-exec", "cat", "{}", "+"]
                  for mount in job.mounts])  # fmt: skip


def measure_source_reads(setting):
    """One job does all of the above, then reads every file: what the kernel saw its daemons do at the source."""
    directories, size = contents(setting.tree)
    with (
        KernelCounts(READS) as reads,
        KernelCounts(LISTINGS) as listings,
        CopperJob(setting.tree, NODES) as job,
    ):
        import_everywhere(job.mounts)
        find_everywhere(job.mounts)
        read_everywhere([mount / LARGE for mount in job.mounts])
        _read_all(job)
        # Main threads look into control/ once a second, and never at the source.
        threads = {thread for pid in job.processes() for thread in threads_of(pid) if thread != pid}
        bytes_read, listed = reads.bytes_read(threads), listings.calls(threads)
        setting.note("source", {"job status": job.status()})
    return [
        _once("bytes read from the source, everything read on 4 mounts", bytes_read / 1e6, size / 1e6, "MB"),
        _once("directories listed at the source", listed, directories, ""),
    ]


def _once(what, value, expected, unit):
    ratio = value / expected
    return Result(what, f"each once: {expected:,.0f} {unit}".rstrip(), f"{value:,.0f} {unit}".rstrip(),
                  0.999 <= ratio <= 1.001, "", ratio)  # fmt: skip
