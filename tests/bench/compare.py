#!/usr/bin/env python3
"""Measures two builds in alternation: tests/bench/compare.py BEFORE AFTER [ROW...] [--rounds N]

BEFORE and AFTER are directories of release builds with the benchmark programs (COPPER_BENCHMARKS=ON), of any two commits or sets of
options. Figures are medians over the rounds; the ratio is AFTER's by BEFORE's. Native figures say how steady the machine was.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROWS = ("import", "find", "loops", "large")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/compare.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("builds", nargs=2, type=Path, metavar=("BEFORE", "AFTER"))
    parser.add_argument("rows", nargs="*", metavar="ROW", help="as of run.sh; by default " + ", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=5, help="runs of each build (default 5)")
    arguments = parser.parse_args()
    for build in arguments.builds:
        if not (build / "bin/cu_fuse").exists():
            parser.error(f"{build} is no build: there is no {build / 'bin/cu_fuse'}")
    return arguments


def measure(build, rows):
    """{figure: [values]} of one run."""
    with tempfile.TemporaryDirectory() as place:
        notes = Path(place) / "notes.json"
        environment = dict(os.environ, COPPER_BUILD_DIR=str(build.resolve()))
        command = [sys.executable, "-B", str(Path(__file__).with_name("bench.py")), *rows, "--rounds", "1", "--notes", str(notes)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{build}: {done.stdout}{done.stderr}")
        return dict(flatten("", json.loads(notes.read_text())))


def flatten(name, notes):
    """Lists of numbers, each with the keys that lead to it."""
    if isinstance(notes, dict):
        for key, value in notes.items():
            yield from flatten(f"{name} {key}".strip(), value)
    elif isinstance(notes, list) and notes and all(isinstance(value, (int, float)) for value in notes):
        yield name, notes


def main():
    arguments = parse_arguments()
    rows = arguments.rows or list(ROWS)
    figures = [{}, {}]
    for number in range(arguments.rounds):
        for build in range(2) if number % 2 == 0 else (1, 0):  # neither is always the first
            for name, values in measure(arguments.builds[build], rows).items():
                figures[build].setdefault(name, []).extend(values)
    print(f"{'figure':<40} {'before':>14} {'after':>14} {'ratio':>6}")
    for name in sorted(figures[0].keys() & figures[1].keys()):
        before, after = (median(side[name]) for side in figures)
        ratio = f"{after / before:.3f}" if before else ""
        print(f"{name:<40} {before:>14,.3f} {after:>14,.3f} {ratio:>6}")


if __name__ == "__main__":
    main()
