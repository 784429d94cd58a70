"""What counts as wrong, late or grown in a soak run; README.md says it in words."""

import statistics

MIB = 1 << 20
DATA_KINDS = ("read", "pread", "mmap")  # the kernel reads ahead, then again: such a call may wait twice
BESIDE_BUDGET = (64 + 8) * MIB  # 8: what half messages make a rank hold
# Resident memory may differ between the second and the last quarter of a run by this much and this part of it.
FILLED = 40 * MIB  # what a rank takes beside its budget where it levels off, in half an hour
GROWTH, GROWTH_PART = 6 * MIB, 0.08
FILES_GROWTH = 16 + 63  # half messages come and go
SHORTEST_TREND = 120  # seconds that a rank lives: its tables fill first
SURELY_FILLED = 300  # seconds that it lives, on a busy machine too


def longest_allowed(kind, deadline):
    return deadline * (2 if kind in DATA_KINDS else 1)


class Events:
    """Judges what readers report, by what was done to the ranks."""

    def __init__(self, soak):
        self._soak = soak
        self.wrong = []
        self.late = []
        self.excused = {"own rank killed": 0, "own rank frozen": 0}
        self.slow = 0
        self.longest = 0.0  # of the calls that count, without the time for which their own rank was frozen

    def take(self, event):
        getattr(self, f"_{event['what']}")(event)

    def _killed(self, event):
        return event["ended"] >= self._soak.killed.get(event["rank"], float("inf"))

    def _frozen(self, event):
        return self._soak.freezer.overlap(event["rank"], event["began"], event["ended"])

    def _excused(self, event):
        return self._soak.excused(event["rank"], event["reader"], event["path"], event["began"], event["ended"])

    def _wrong(self, event):
        self.wrong.append(self._say(event) + f": {event['message']}")

    def _error(self, event):
        if self._killed(event):
            self.excused["own rank killed"] += 1
        elif self._frozen(event) and event["errno"] in ("ETIMEDOUT", "EFAULT"):
            self.excused["own rank frozen"] += 1
        else:
            self.wrong.append(self._say(event) + f": {event['errno']}")

    def _slow(self, event):
        if self._killed(event):
            return
        self.slow += 1
        waited = event["ended"] - event["began"] - self._excused(event)
        self.longest = max(self.longest, waited)
        if waited > longest_allowed(event["kind"], self._soak.deadline):
            self.late.append(self._say(event) + f": waited {waited:.1f} s, {event['result']}")

    def _end(self, event):
        if max(event["longest"].values()) <= 1:
            self.longest = max(self.longest, *event["longest"].values())

    def _say(self, event):
        since = event["began"] - self._soak.began
        return f"{since:.1f} s: rank {event['rank']}, reader {event['reader']}, {event['kind']} {event['path'] or event.get('name', '')}"


def quarter(samples, number, column):
    last = samples[-1][0]
    return [sample[column] for sample in samples if number * last / 4 <= sample[0] <= (number + 1) * last / 4]


def memory(samples, budget):
    """(figures of each rank, complaints)"""
    figures, complaints = {}, []
    for rank, taken in samples.items():
        if len(taken) < 8:
            continue
        resident = [statistics.median(quarter(taken, number, 1)) for number in range(4)]
        files = [statistics.median(quarter(taken, number, 2)) for number in range(4)]
        highest = max(sample[1] for sample in taken)
        figures[rank] = {"quarters_bytes": resident, "highest_bytes": highest, "quarters_files": files}
        if highest > budget + BESIDE_BUDGET:
            complaints.append(f"rank {rank} had {highest / MIB:.0f} MiB resident")
        lived = taken[-1][0] - taken[0][0]
        if lived < SHORTEST_TREND:
            continue
        filled = resident[1] if lived >= SURELY_FILLED else max(resident[1], budget + FILLED)
        if resident[3] > filled * (1 + GROWTH_PART) + GROWTH:
            complaints.append(f"rank {rank} grew from {resident[1] / MIB:.0f} to {resident[3] / MIB:.0f} MiB resident")
        if files[3] > files[1] + FILES_GROWTH:
            complaints.append(f"rank {rank} went from {files[1]:.0f} to {files[3]:.0f} descriptors")
    return figures, complaints
