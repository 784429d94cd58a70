"""What a soak run tells: progress, summary, notes, the table in the README; and what the job left in files."""

import json
import os
import pathlib
import platform
import re
import sys
import time

import copper_job
import judge
from board import IN_STALLING, KINDS
from source import STALLING

MIB = 1 << 20


def progress(soak):
    totals = soak.board.totals()
    frozen = [rank for rank, _, until in soak.freezer.freezes if until is None]
    print(f"{time.monotonic() - soak.began:5.0f} s: {totals['checks']} operations, {totals['bytes'] / MIB:.0f} MiB, "
          f"{totals['stale']} stale, {soak.writer.changes} changes, {soak.refresher.complete + soak.refresher.incomplete} "
          f"refreshes, {len(soak.freezer.freezes)} freezes, killed {sorted(soak.killed)}, frozen {frozen}, "
          f"longest wait {soak.events.longest:.1f} s, {len(soak.events.wrong)} wrong, {len(soak.events.late)} late",
          file=sys.stderr, flush=True)


def asked_path(word, entries):
    number = word & 0xFFFFFFFF
    if number == IN_STALLING:
        return STALLING
    return entries[number].path if number < len(entries) else ""


def asked(word, entries):
    return f"{KINDS[word >> 32]} {asked_path(word, entries)}"


def shared_memory_of(pids):
    """Files of memory that these processes share."""
    found = set()
    for pid in pids:
        try:
            lines = pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        found |= {path for line in lines if (path := line.split(maxsplit=5)[-1]).startswith("/dev/shm/")
                  and "deleted" not in path}
    return sorted(found)


def strange_files(job):
    """What is in the job directory and beside it and has no business there when the job is over."""
    top = pathlib.Path(job.root)
    known = re.compile(r"launcher\.txt|mnt|job|job/logs|job/logs/[^/]+(\.(log|json|txt)|-unmounted)|job/control|job/job\.json|job/lock"
                       r"|job/tables|job/tables/final|job/tables/final/[a-z]+_cache_size\.output")
    return [str(path) for path in top.rglob("*") if not known.fullmatch(str(path.relative_to(top)))]


def spans(all_of_them, began):
    """(whose, when, how long)"""
    return [(key, since - began, until - since) for key, since, until in all_of_them]


def figures(soak):
    memory, memory_complaints = judge.memory(soak.sampler.samples, soak.budget)
    complaints = soak.complaints + soak.killer.complaints + soak.refresher.complaints
    complaints += [] if soak.options.any_memory else memory_complaints
    evictions = sum(status["cache"]["budget"]["evictions"] for status in soak.status.values())
    return {
        "seed": soak.seed, "minutes": soak.options.minutes, "patience": copper_job.PATIENCE,
        "host": {"processors": os.cpu_count(), "kernel": platform.release()},
        "totals": soak.board.totals(), "changes": soak.writer.changes,
        "refreshes": {"complete": soak.refresher.complete, "incomplete": soak.refresher.incomplete,
                      "longest_seconds": soak.refresher.longest},
        "kills": {rank: when - soak.began for rank, when in soak.killed.items()},
        "killed_helpers": soak.helper_killer.killed,
        "touches": soak.toucher.touches,
        "half_messages": soak.half.begun,
        "signals": soak.signaller.sent, "stops": spans(soak.signaller.stops.all, soak.began),
        "stalls": spans(soak.staller.stalls.all, soak.began), "spun_seconds": soak.loader.spun,
        "job_directory_freezes": spans(soak.job_freezer.freezes.all, soak.began),
        "freezes": spans(soak.freezer.freezes, soak.began),
        "evictions": evictions, "slow_calls": soak.events.slow, "longest_wait_seconds": soak.events.longest,
        "excused": soak.events.excused, "memory": memory, "status": soak.status,
        "wrong": soak.events.wrong, "late": soak.events.late, "complaints": complaints,
        "good": not (soak.events.wrong or soak.events.late or complaints),
    }


def lasted(these):
    seconds = [length for _, _, length in these]
    return f"{len(seconds)}, {sum(seconds):.0f} s together, longest {max(seconds, default=0):.1f} s"


def rows(found):
    """(what, figure) of the summary."""
    totals = found["totals"]
    living = [of_one for rank, of_one in found["memory"].items() if rank not in found["kills"]]

    def span(values):
        return f"{min(values) / MIB:.0f} to {max(values) / MIB:.0f} MiB" if living else "not sampled"
    return [
        ("length, seed", f"{found['minutes']:g} minutes, {found['seed']}"),
        ("operations", f"{totals['checks']:,}: " + ", ".join(f"{kind} {totals[kind]:,}" for kind in KINDS)),
        ("bytes checked", f"{totals['bytes'] / 2**30:.1f} GiB"),
        ("changes of the source", f"{found['changes']:,}"),
        ("refreshes", f"{found['refreshes']['complete']:,} of every living rank, {found['refreshes']['incomplete']:,} past a "
                      f"frozen one; longest {found['refreshes']['longest_seconds']:.1f} s"),
        ("kills", ", ".join(f"rank {rank} after {when:.0f} s" for rank, when in found["kills"].items()) or "none"),
        ("killed helpers", ", ".join(found["killed_helpers"]) or "none"),
        ("freezes of ranks", lasted(found["freezes"])),
        ("stalls of a file system of the source", lasted(found["stalls"])),
        ("freezes of the job directory", lasted(found["job_directory_freezes"])),
        ("signals to readers", f"{found['signals']:,}; stopped {lasted(found['stops'])}"),
        ("links and modes changed under readers", f"{found['touches']:,}"),
        ("half messages to ranks", f"{found['half_messages']:,}"),
        ("two processes spinning beside it", f"{found['spun_seconds']:.0f} s"),
        ("evictions", f"{found['evictions']:,} by the ranks that lived on"),
        ("stale answers", f"{totals['stale']:,}"),
        ("errors of ranks that were killed / frozen",
         f"{found['excused']['own rank killed']:,} / {found['excused']['own rank frozen']:,}"),
        ("longest wait", f"{found['longest_wait_seconds']:.2f} s; {found['slow_calls']:,} calls over 1 s"),
        ("resident memory, second quarter", span([of_one["quarters_bytes"][1] for of_one in living])),
        ("resident memory, last quarter", span([of_one["quarters_bytes"][3] for of_one in living])),
        ("resident memory, highest", span([of_one["highest_bytes"] for of_one in living])),
        ("wrong answers", str(len(found["wrong"]))),
        ("waits past the deadline", str(len(found["late"]))),
        ("other complaints", str(len(found["complaints"]))),
        ("verdict", "good" if found["good"] else "BAD"),
    ]


def write_table(path, table):
    """Puts the table between the marks of the file."""
    text = pathlib.Path(path).read_text(encoding="utf-8")
    lines = ["| what | figure |", "|---|---|"] + [f"| {what} | {figure} |" for what, figure in table]
    begin, end = "<!-- figures -->", "<!-- end of figures -->"
    head, _, rest = text.partition(begin)
    _, mark, tail = rest.partition(end)
    if not mark:
        raise SystemExit(f"{path} has no marks {begin} and {end}")
    pathlib.Path(path).write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{tail}", encoding="utf-8")


def tell(soak, options):
    """Prints and writes what was asked for. True if all is well."""
    found = figures(soak)
    table = rows(found)
    for name in ("wrong", "late", "complaints"):
        for line in found[name][:20]:
            print(f"{name}: {line}")
    if not found["good"]:
        print(soak.job_words)
    width = max(len(what) for what, _ in table)
    print("\n".join(f"{what.ljust(width)}  {figure}" for what, figure in table), flush=True)
    if options.notes:
        pathlib.Path(options.notes).write_text(json.dumps(found, indent=1), encoding="utf-8")
    if options.markdown:
        write_table(options.markdown, table)
    return found["good"]
