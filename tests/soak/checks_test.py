"""The soak test notices what it is there to notice: mixed versions, zeros, early ends, old versions, waits, growth."""

import pathlib
import tempfile
import types
import unittest

import judge
import source
from answers import Missing, Seen, Wrong
from board import Board
from spans import Spans

MIB = 1 << 20


class Checks(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="copper-soak-checks-")
        self.addCleanup(place.cleanup)
        self.entries = source.plan(7)
        self.board = Board(f"{place.name}/board", len(self.entries), 8, 1)
        self.place = pathlib.Path(place.name)

    def entry(self, kind, smallest=3 * source.PAGE):
        return next(entry for entry in self.entries if entry.kind == kind and entry.size >= smallest)

    def seen(self, entry, floor, newest):
        self.board.floor[entry.number], self.board.newest[entry.number] = floor, newest
        return Seen(self.board, entry)

    def test_the_source_has_what_the_plan_says(self):
        (self.place / "source").mkdir()
        writer = source.Source(self.place / "source", self.place)
        some = [self.entry(kind, 2) for kind in ("fixed", "replaced", "in_place", "cut", "coming")]
        writer.fill(some)
        for version in range(4):
            for entry in some if version else ():
                if entry.changes:
                    writer.write(entry, version)
            for entry in some:
                path = self.place / "source" / entry.path
                self.assertEqual(entry.is_there(version), path.exists())
                if path.exists():
                    self.assertEqual(entry.content(version if entry.changes else 0), path.read_bytes(), entry)

    def test_any_piece_of_any_version_in_question(self):
        entry = self.entry("replaced", MIB)
        for version in (2, 3, 4):
            for offset, length in ((0, 1), (1, 4096), (4095, 2), (70_000, MIB), (entry.size_of(version) - 1, 5)):
                self.seen(entry, 2, 4).data(offset, entry.content(version, offset, length))
            self.seen(entry, 2, 4).data(entry.size_of(version), b"")

    def test_wrong_bytes(self):
        entry = self.entry("replaced", MIB)
        old, new = entry.content(2, 0, 3 * 4096), entry.content(3, 0, 3 * 4096)
        other = self.entry("fixed", MIB).content(0, 0, 3 * 4096)
        spoilt = bytearray(new)
        spoilt[9000] ^= 1
        for found in (old[:4096] + new[4096:], new[:8192] + bytes(4096), bytes(4096), b"", other, bytes(spoilt), new[4096:]):
            with self.assertRaises(Wrong):
                self.seen(entry, 2, 3).data(0, found)
        for out_of_question in (1, 4):
            with self.assertRaises(Wrong):
                self.seen(entry, 2, 3).data(0, entry.content(out_of_question, 0, 4096))

    def test_one_open_file_is_of_one_version(self):
        entry = self.entry("replaced", MIB)
        seen = self.seen(entry, 0, 5)
        seen.data(0, entry.content(2, 0, 5000))
        with self.assertRaises(Wrong):
            seen.data(5000, entry.content(3, 5000, 5000))
        seen = self.seen(entry, 0, 5)
        seen.size(entry.size_of(2))
        with self.assertRaises(Wrong):
            seen.data(entry.size_of(4), b"")

    def test_absence(self):
        coming = self.entry("coming", 2)
        self.seen(coming, 1, 1).absent()
        with self.assertRaises(Missing):
            self.seen(coming, 2, 2).absent()
        with self.assertRaises(Missing):
            self.seen(self.entry("fixed"), 0, 0).absent()
        with self.assertRaises(Wrong):
            self.seen(coming, 1, 1).there()

    def judged(self, **event):
        def frozen(rank, began, ended):
            return min(5, ended - began) if rank == 2 else 0
        soak = types.SimpleNamespace(
            began=0, deadline=9, killed={3: 50}, freezer=types.SimpleNamespace(overlap=frozen),
            excused=lambda rank, reader, path, began, ended: frozen(rank, began, ended) + (4 if path == "stall/x" else 0))
        events = judge.Events(soak)
        events.take({"reader": 0, "path": "x", "result": "ok", **event})
        return len(events.wrong), len(events.late)

    def test_what_is_late_and_what_is_excused(self):
        wait = {"what": "slow", "kind": "stat", "began": 10}
        self.assertEqual((0, 1), self.judged(rank=1, ended=19.5, **wait))
        self.assertEqual((0, 0), self.judged(rank=1, ended=18.5, **wait))
        self.assertEqual((0, 0), self.judged(rank=2, ended=23.5, **wait))
        self.assertEqual((0, 1), self.judged(rank=2, ended=24.5, **wait))
        self.assertEqual((0, 0), self.judged(**{**wait, "kind": "read", "rank": 1, "ended": 27}))
        self.assertEqual((0, 0), self.judged(rank=1, ended=22.5, path="stall/x", **wait))
        self.assertEqual((0, 1), self.judged(rank=1, ended=23.5, path="stall/x", **wait))
        failure = {"what": "error", "kind": "stat", "errno": "ETIMEDOUT"}
        self.assertEqual((1, 0), self.judged(rank=1, began=10, ended=18, **failure))
        self.assertEqual((0, 0), self.judged(rank=2, began=10, ended=18, **failure))
        self.assertEqual((1, 0), self.judged(rank=3, began=40, ended=48, **failure))
        self.assertEqual((0, 0), self.judged(rank=3, began=40, ended=51, **failure))
        self.assertEqual((1, 0), self.judged(rank=3, began=60, ended=61, what="wrong", kind="read", message="zeros"))

    def test_spans_overlap(self):
        spans = Spans()
        spans.all = [("a", 10, 12), ("b", 10, 20), ("a", 15, None)]
        self.assertEqual(3, spans.overlap("a", 11, 17))
        self.assertEqual(0, spans.overlap("a", 12, 15))

    def test_restored_times_hide_a_change_and_a_touch_none(self):
        (self.place / "source").mkdir()
        writer = source.Source(self.place / "source", self.place)
        restored, fixed = self.entry("restored", MIB), self.entry("fixed", MIB)
        writer.fill([restored, fixed])
        path = self.place / "source" / restored.path
        before = path.stat()
        writer.write(restored, 1)
        after = path.stat()
        self.assertEqual((before.st_ino, before.st_size, before.st_mtime_ns), (after.st_ino, after.st_size, after.st_mtime_ns))
        self.assertEqual(restored.content(1), path.read_bytes())
        for how in ("link", "mode"):
            before = (self.place / "source" / fixed.path).stat()
            writer.touch_up(fixed, how)
            after = (self.place / "source" / fixed.path).stat()
            self.assertEqual((before.st_mtime_ns, 1), (after.st_mtime_ns, after.st_nlink))
            self.assertEqual(fixed.content(0), (self.place / "source" / fixed.path).read_bytes())

    def test_growth(self):
        def complaints(resident, files=lambda second: 60, seconds=600):
            samples = {1: [(second, resident(second), files(second)) for second in range(seconds)]}
            return len(judge.memory(samples, 24 * MIB)[1])
        self.assertEqual(0, complaints(lambda second: 60 * MIB + second % 7 * MIB))
        self.assertEqual(1, complaints(lambda second: 50 * MIB + second * MIB // 25))
        self.assertEqual(1, complaints(lambda second: (100 if second == 300 else 60) * MIB))
        self.assertEqual(1, complaints(lambda second: 60 * MIB, lambda second: second))
        self.assertEqual(0, complaints(lambda second: 50 * MIB + second * MIB // 5, seconds=100), "of a rank that was killed then")
        self.assertEqual(0, complaints(lambda second: (54 + min(second, 160) // 13) * MIB, seconds=180), "its tables fill late on a busy machine")
        self.assertEqual(1, complaints(lambda second: 54 * MIB + second * MIB // 6, seconds=180))


unittest.main(verbosity=2)
