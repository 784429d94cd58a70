"""Results and how they are printed."""

from dataclasses import dataclass
from statistics import median
from typing import Optional


@dataclass
class Result:
    what: str
    reach: str
    measured: str
    met: Optional[bool]  # None: a figure without a goal
    native: str = ""
    ratio: Optional[float] = None


HEADINGS = ("what", "reach", "measured", "native", "ratio", "met")


def _cells(result):
    ratio = "" if result.ratio is None else f"{result.ratio:.2f}"
    met = {True: "yes", False: "NO", None: ""}[result.met]
    return (result.what, result.reach, result.measured, result.native, ratio, met)


def print_table(results):
    rows = [HEADINGS, *map(_cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


def duration_result(what, limit, seconds, native):
    """Seconds against native seconds; the ratio may be at most `limit`. Takes all runs of both."""
    ratio = median(seconds) / median(native)
    return Result(what, f"at most {limit}x native", f"{median(seconds):.2f} s", ratio <= limit,
                  f"{median(native):.2f} s", ratio)  # fmt: skip


def rate_result(what, limit, rates, native, unit, scale=1.0, rival="native"):
    """A rate against another's; the ratio must be at least `limit`."""
    ratio = median(rates) / median(native)
    return Result(what, f"{limit}x {rival}", f"{median(rates) / scale:,.1f} {unit}", ratio >= limit,
                  f"{median(native) / scale:,.1f} {unit}", ratio)  # fmt: skip


def limit_result(what, limit, value, unit, digits=0):
    return Result(what, f"at most {limit:,} {unit}".rstrip(), f"{value:,.{digits}f} {unit}".rstrip(), value <= limit)
