"""A cold import from a source that is slow, with Copper and without: operations on the source, and time."""

import contextlib
import pathlib
import shutil
import subprocess

from import_rows import NODES, import_everywhere
from mounts import PATIENCE, copper_job, make_work_directory, mounts_in
from report import Result

import slow_source  # isort: skip  # of the scenarios, on the path since mounts is

SOURCE = {"latency_us": 2000, "read_latency_us": 2000, "at_once": 32, "bytes_per_second": 10**9}
CACHE_SECONDS = 3  # what each node's kernel believes: as NFS does with its defaults
READ_AHEAD = "1024\n"  # KiB: what network file systems have, or more
PROCESSES = 2  # at each node
FEW, MANY = 2, 8
# In a mount namespace of its own each rank has its own mount of the source at the same path, as a node does.
ENTER = 'mount --bind "$0/$PMI_RANK" "$1" && shift && exec "$@"'


class SlowNodes:
    """So many nodes, each with its own mount of one slow server, and with Copper over it: `with SlowNodes(...) as nodes`."""

    def __init__(self, tree, nodes, with_copper):
        self._work = make_work_directory()
        self._target = self._work / "target"
        self._shared = self._work / "shared"  # mounts below it are seen in all namespaces
        for directory in (self._target, self._shared):
            directory.mkdir()
        self.source = slow_source.SlowSource(tree, [self._work / "nodes" / str(rank) for rank in range(nodes)],
                                             cache_seconds=CACHE_SECONDS, **SOURCE)  # fmt: skip
        self.mounts = self.source.points
        self._end = contextlib.ExitStack()
        self._nodes = nodes
        self._with_copper = with_copper

    def __enter__(self):
        self._end.callback(shutil.rmtree, self._work)
        with self._end as undo:
            undo.enter_context(self.source)
            for mount in mounts_in(self._work).values():
                mount.read_ahead_file().write_text(READ_AHEAD)
            if self._with_copper:
                self._start_copper(undo)
            self.source.reset()
            self._end = undo.pop_all()
        return self

    def __exit__(self, *unused):
        self._end.close()

    def _start_copper(self, undo):
        for directory, propagation in ((self._target, "private"), (self._shared, "shared")):
            subprocess.run(["mount", "--bind", directory, directory], check=True)
            undo.callback(subprocess.run, ["umount", directory], check=True)
            subprocess.run(["mount", f"--make-{propagation}", directory], check=True)
        job = copper_job.Job(self._shared, self._target, self._nodes, ["--shared-fs", self._target], level=None,
                             mount=f"{self._shared}/mount%r", deadline=PATIENCE)  # fmt: skip
        at = job.command.index(copper_job.CU_FUSE)
        job.command[at:at] = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", ENTER,
                              str(self._work / "nodes"), str(self._target)]  # fmt: skip
        undo.callback(job.end)
        job.start()
        self.mounts = [pathlib.Path(point) for point in job.mounts]

    def run_import(self):
        """Seconds, and (operation, path, piece) -> how often the server was asked for it."""
        seconds = import_everywhere([mount for mount in self.mounts for _ in range(PROCESSES)])
        return seconds, self.source.objects()


def _import_with(tree, nodes, with_copper):
    with SlowNodes(tree, nodes, with_copper) as running:
        return running.run_import()


def objects_used(tree, asked):
    """What an import can't do without, from what it asked when nothing stood between: attributes of what exists, files opened
    and their pieces, and, of each directory in which it looked for absent names or which it read, the same two."""
    looked_at = {path for operation, path, _ in asked if operation in ("lookup", "getattr")}
    existing = {path for path in looked_at if (tree / path[1:]).exists()}
    listed = {path.rpartition("/")[0] or "/" for path in looked_at - existing}
    listed |= {path for operation, path, _ in asked if operation == "opendir"}
    opened = {path for operation, path, _ in asked if operation == "open"}
    pieces = sum(-(-(tree / path[1:]).stat().st_size // (1 << 20)) for path in opened)
    return len(existing) + 2 * len(listed) + len(opened) + pieces


def _by_operation(asked):
    totals = {}
    for (operation, _, _), times in asked.items():
        totals[operation] = totals.get(operation, 0) + times
    return totals


def measure_slow_source(setting):
    direct, copper, few, many = [], [], [], []
    rounds = min(setting.rounds, 3)  # each takes minutes
    for _ in range(rounds):
        direct.append(_import_with(setting.tree, NODES, with_copper=False))
        copper.append(_import_with(setting.tree, NODES, with_copper=True))
        few.append(_import_with(setting.tree, FEW, with_copper=True)[0])
        many.append(_import_with(setting.tree, MANY, with_copper=True)[0])
    used = objects_used(setting.tree, direct[0][1])
    setting.note("slow", {"seconds, direct": [seconds for seconds, _ in direct],
                          "seconds, copper": [seconds for seconds, _ in copper],
                          f"seconds, {FEW} nodes": few, f"seconds, {MANY} nodes": many, "objects used": used,
                          "operations, direct": _by_operation(direct[0][1]),
                          "operations, copper": [_by_operation(asked) for _, asked in copper]})  # fmt: skip
    return _results(direct, copper, few, many, used)


def _results(direct, copper, few, many, used):
    operations = _middle([sum(asked.values()) for _, asked in copper])
    direct_operations = _middle([sum(asked.values()) for _, asked in direct])
    seconds, direct_seconds = (_middle([run[0] for run in runs]) for runs in (copper, direct))
    return [
        Result(f"slow source, {NODES} nodes x {PROCESSES} imports: operations", f"1.2x the objects: {1.2 * used:,.0f}",
               f"{operations:,}", operations <= 1.2 * used, f"{direct_operations:,}", operations / direct_operations),
        Result("   objects used: names, directories and files opened, their contents", "", f"{used:,}", None),
        Result("the same, time", "at most 0.5x direct", f"{seconds:.1f} s", seconds <= 0.5 * direct_seconds,
               f"{direct_seconds:.1f} s", seconds / direct_seconds),
        Result(f"the same on {MANY} nodes against {FEW}, time", "at most 1.2x", f"{_middle(many):.1f} s",
               _middle(many) <= 1.2 * _middle(few), f"{_middle(few):.1f} s", _middle(many) / _middle(few)),
    ]  # fmt: skip


def _middle(values):
    return sorted(values)[len(values) // 2]
