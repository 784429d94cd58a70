"""The file of a profile is one that others can read: h5py and h5dump find in it what Copper says is in it.

They read tests/data/small_profile.h5, which a unit test (schema_test.cc) compares with what it was made of.
"""

import pathlib
import re
import shutil
import subprocess
import unittest

import h5py
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "tests/data/small_profile.h5"
LINE = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)


def document():
    """{dataset: (type, unit, meaning, {column: (type, unit, meaning)})} of postproc/README.md."""
    datasets = {}
    for name, *what in LINE.findall((ROOT / "postproc/README.md").read_text()):
        if name.startswith("/"):
            datasets[name] = (*what, {})
            columns = datasets[name][3]
        else:
            columns[name] = tuple(what)
    for name in ("/top/data", "/top/negative_ttl"):  # likewise
        datasets[name] = (*datasets[name][:3], datasets["/top/metadata"][3])
    return datasets


def text(value):
    return bytes(value).rstrip(b"\0").decode()


def type_name(dtype):
    if h5py.check_enum_dtype(dtype):
        return "kind"
    return "text" if dtype.kind == "S" else dtype.name


class WithH5py(unittest.TestCase):
    def setUp(self):
        self.file = h5py.File(FILE, "r")
        self.addCleanup(self.file.close)

    def datasets(self):
        found = {}
        self.file.visititems(lambda name, item: found.update({"/" + name: item}) if isinstance(item, h5py.Dataset) else None)
        return found

    def test_each_dataset_is_in_the_document_and_the_other_way_round(self):
        self.assertEqual(set(document()), set(self.datasets()))
        self.assertEqual(b"Copper profile", self.file.attrs["format"])
        self.assertEqual(1, self.file.attrs["schema_version"])

    def test_each_dataset_and_column_says_what_it_is(self):
        documented = document()
        for name, dataset in self.datasets().items():
            with self.subTest(dataset=name):
                kind, unit, meaning, columns = documented[name]
                self.assertEqual(meaning, text(dataset.attrs["description"]))
                self.assertEqual(unit, text(dataset.attrs.get("unit", b"")))
                self.assertEqual(tuple(columns), dataset.dtype.names or ())
                if not columns:
                    self.assertEqual(kind.split()[0], type_name(dataset.dtype))
                    continue
                described = zip(dataset.attrs["columns"], dataset.attrs["column_units"], dataset.attrs["column_descriptions"])
                told = {text(column): (type_name(dataset.dtype[text(column)]), text(unit), text(meaning))
                        for column, unit, meaning in described}
                self.assertEqual(columns, told)

    def test_every_value_can_be_read(self):
        for name, dataset in self.datasets().items():
            with self.subTest(dataset=name):
                self.assertEqual(dataset.shape, dataset[...].shape)
                self.assertTrue(dataset.fletcher32, "its chunks have checksums")

    def test_job_ranks_and_what_they_did(self):
        job = self.file["job"][0]
        self.assertEqual((b"final", b"/", 4, 1, 8, 1), tuple(job))
        ranks = self.file["ranks"]
        self.assertEqual([0, 1, 3], list(ranks["rank"]))
        self.assertEqual([b"node0", b"node1", b"node3"], list(ranks["host"]))
        self.assertEqual([-1, 0, 0], list(ranks["parent"]))
        self.assertEqual([2], list(self.file["missing_ranks"]))
        events = dict(self.file["events"][...])
        self.assertEqual(1000, events[b"hits"])
        self.assertEqual(1000 + 7 * 5, events[b"bytes_from_cache"])

    def test_latencies_add_up_to_the_calls(self):
        operations = self.file["operations"][...]
        histogram = self.file["latency_histogram"][...]
        self.assertEqual(list(operations["calls"]), list(histogram.sum(axis=1)))
        getattr_row = {row["operation"]: row for row in operations}[b"getattr"]
        self.assertEqual((1990, 1800, 160, 30, 100, 2), tuple(getattr_row)[1:7])
        bounds = self.file["latency_bucket_ns"][...]
        self.assertTrue(numpy.all(bounds[1:] >= bounds[:-1]))
        for row, calls in zip(operations, histogram):
            used = numpy.flatnonzero(calls)
            if used.size:
                self.assertLessEqual(bounds[used[0]], row["latency_min"])
                self.assertLess(row["latency_max"], bounds[used[-1] + 1])
            else:
                self.assertEqual(0, row["latency_min"])

    def test_paths_are_bytes(self):
        paths = self.file["paths"]
        heap, offset = paths["path_bytes"][...].tobytes(), paths["path_offset"][...]
        names = [heap[offset[i]:offset[i + 1]] for i in range(len(offset) - 1)]
        self.assertEqual(names, sorted(names))
        self.assertEqual(25, len(set(names)))
        for nasty in (b"/data/two\nlines", b'/data/"quoted"', b"/data/a|pipe", b"/data/not utf-8 \xff\xfe"):
            self.assertIn(nasty, names)
        kinds = {value: name for name, value in h5py.check_enum_dtype(paths["kind"].dtype).items()}
        row = names.index(b"/env/lib/libgone.so.1")
        self.assertEqual(("absent", 24, 23), (kinds[paths["kind"][row]], paths["events"][row], paths["ttl_serves"][row]))

    def test_top_paths(self):
        top = self.file["top/data"][...]
        self.assertEqual(8, len(top))
        self.assertEqual(b"/data/\r\ttab", top["path"][0])
        self.assertEqual(4000 - 1, max(len(path) for path in top["path"]))
        self.assertEqual(list(top["most_events"]), sorted(top["most_events"], reverse=True))


@unittest.skipUnless(shutil.which("h5dump"), "h5dump is not installed")
class WithH5dump(unittest.TestCase):
    def dump(self, *options):
        return subprocess.run(["h5dump", *options, str(FILE)], check=True, capture_output=True, timeout=60)

    def test_everything_is_dumped(self):
        done = self.dump()
        self.assertEqual(b"", done.stderr)
        for name in document():
            self.assertIn(b'DATASET "%s"' % name.rsplit("/", 1)[-1].encode(), done.stdout)

    def test_a_person_can_read_a_row(self):
        printed = self.dump("-d", "/ranks").stdout.decode()
        self.assertIn('"node3"', printed)
        self.assertIn('"10.0.0.4:4711"', printed)
        self.assertNotIn("\\000", printed)
        self.assertIn("ABSENT".lower(), self.dump("-d", "/paths/kind").stdout.decode())


if __name__ == "__main__":
    unittest.main(verbosity=2)
