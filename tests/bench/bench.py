"""Measures Copper against the source itself and prints ratios. Run by run.sh; README.md says what each row is."""

import argparse
import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import benchmark_tree
import file_rows
import import_rows
import job_rows
import profile_rows
import slow_source_rows
from report import print_table

ROWS = {
    "import": import_rows.measure_imports,
    "requests": import_rows.measure_requests,
    "find": file_rows.measure_find,
    "loops": file_rows.measure_loops,
    "large": file_rows.measure_large_reads,
    "source": file_rows.measure_source_reads,
    "slow": slow_source_rows.measure_slow_source,
    "ready": job_rows.measure_ready,
    "stop": job_rows.measure_stop,
    "reduction": job_rows.measure_reduction,
    "idle": job_rows.measure_idle,
    "memory": job_rows.measure_memory,
    "profile": profile_rows.measure_profile,
}


@dataclass
class Setting:
    tree: Path
    rounds: int
    notes: dict = field(default_factory=dict)

    def note(self, name, figures):
        """Keeps all single figures of a row, for --notes."""
        self.notes[name] = figures


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="of " + ", ".join(ROWS) + "; all if none is given")
    parser.add_argument("--rounds", type=int, default=5, help="alternating runs of each side (default 5)")
    parser.add_argument("--notes", type=Path, help="write every single figure to this JSON file")
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return arguments


def measure(setting, names):
    """Rows that fail are reported and do not keep the others from running."""
    results, failed = [], []
    for name in names:
        print(f"{name} ...", flush=True)
        try:
            results += ROWS[name](setting)
        except (OSError, RuntimeError, LookupError, ValueError, subprocess.SubprocessError, AssertionError) as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            failed.append(name)
    return results, failed


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything cleans up
    setting = Setting(benchmark_tree.prepare(), arguments.rounds)
    benchmark_tree.warm_page_cache(setting.tree)
    results, failed = measure(setting, arguments.rows or list(ROWS))
    print_table(results)
    if arguments.notes:
        arguments.notes.write_text(json.dumps(setting.notes, indent=1))
    if failed:
        print("could not be measured: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
