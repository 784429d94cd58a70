"""A log that is silent when it should speak, or that creates ten thousand files to say nothing."""

import contextlib
import ctypes
import errno
import os
import pathlib
import re
import struct

import copper_job

MIB = 1 << 20


class Creations:
    """What is created in directories, or renamed into them, as inotify(7) tells it; without the pids in the names."""

    IN_MOVED_TO, IN_CREATE = 0x80, 0x100

    def __init__(self, directories):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for directory in directories:
            if libc.inotify_add_watch(self.fd, os.fsencode(directory), self.IN_MOVED_TO | self.IN_CREATE) < 0:
                raise OSError(ctypes.get_errno(), directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def names(self):
        found = []
        with contextlib.suppress(BlockingIOError):
            while events := os.read(self.fd, 1 << 16):
                while events:
                    length = struct.unpack_from("iIII", events)[3]
                    found.append(re.sub(r"\d+", "N", events[16:16 + length].rstrip(b"\0").decode()))
                    events = events[16 + length:]
        return sorted(found)


class LogLevels(copper_job.Scenario):
    def run_with_an_error(self, level):
        """A job of three ranks, of which rank 0, the only root, has to log an error; what is in its logs."""
        self.write("directory/changed", b"1" * (3 * MIB))
        job = self.start(3, level=level, options=["--trees", 1])
        for mount in job.mounts:
            self.assertEqual(3 * MIB, os.stat(f"{mount}/directory/changed").st_size)
        if level in (0, 1, 2, 3):
            self.assertEqual([], job.logs(), "nothing was said yet")
        self.write("directory/changed", b"2" * (2 * MIB))
        with open(f"{job.mounts[0]}/directory/changed", "rb", buffering=0) as file:
            self.assert_errno(errno.ESTALE, file.read, 100)
        self.assertEqual(0, job.stop().returncode)
        job.wait_for_end()
        return {log.name: log.read_text() for log in job.logs()}

    @staticmethod
    def words(text):
        return set(re.findall(r"^\S+ \S+ \[(\w+)\]", text, re.MULTILINE))

    def test_each_level_says_what_is_its_own(self):
        for level, files, words in ((0, 0, set()), (1, 0, set()), (2, 1, {"Error"}), (3, 1, {"Error"}), (4, 3, {"Error", "Info"}),
                                    (5, 3, {"Error", "Info", "Debug"})):
            with self.subTest(level=level):
                logs = self.run_with_an_error(level)
                self.assertEqual(files, len(logs), "a file appears with its first line")
                self.assertEqual(words, set().union(*map(self.words, logs.values())) - {"Warning"}, logs)

    def test_a_quiet_job_creates_as_many_files_with_two_ranks_as_with_eight(self):
        self.write("file", b"content")
        created = []
        for ranks in (2, 8):
            place = self.root / f"quiet-{ranks}"
            watched = [str(place / "job"), str(place / "job/logs"), str(place / "job/control")]
            for directory in watched:
                os.makedirs(directory)
            with Creations(watched) as creations:
                job = copper_job.Job(place, self.source, ranks, level=3)
                self.addCleanup(job.end)
                job.start()
                for mount in job.mounts:
                    self.assertEqual(b"content", pathlib.Path(f"{mount}/file").read_bytes())
                created.append(creations.names())
        self.assertIn("ready.json", created[0])
        self.assertEqual(*created)

    def test_what_a_rank_tells_of_itself(self):
        self.write("directory/file", b"c" * (2 * MIB))
        job = self.start(4, options=["--fanout", "2", "--trees", "1"])
        for mount in job.mounts:
            self.assertEqual(2 * MIB, len(pathlib.Path(f"{mount}/directory/file").read_bytes()))
        host, pids = copper_job.host(), [job.daemon(rank) for rank in range(4)]
        self.assertEqual(0, job.stop().returncode)
        job.wait_for_end()
        logs = [pathlib.Path(f"{job.directory}/logs/{host}-{pid}-output.log").read_text() for pid in pids]
        expected = (("none", "1 2", 0), ("0", "3", 1), ("0", "none", 1), ("1", "none", 2))
        for rank, (log, (parent, children, depth)) in enumerate(zip(logs, expected)):
            for line in ("user-facing log_level: 4", "log_type: file", r"profile_metrics: \w+", r"profile_top_n: \d+",
                         r"profile_paths_full: \w+", r"server running at address: \S+:\d+",
                         rf"rank {rank} of 4 on {host}, 1 trees of fanout 2, .*: parent {parent}, children {children}, depth {depth}",
                         r"provider registration completed after \d+ us", rf"serving {job.mounts[rank]} after \d+ us",
                         r"this rank served \d+ requests, hit rate \d+\.\d% .*; .* from the cache, .* from parents, .* from the source"):
                self.assertRegex(log, re.compile(rf"\) {line}$", re.MULTILINE), log)
        said = re.findall(r"the job served (\d+) requests, .*, (.*) from the source$", "\n".join(logs), re.MULTILINE)
        self.assertEqual(1, len(said), "by whoever conducted the end")
        by_rank = [int(re.search(r"this rank served (\d+) requests", log)[1]) for log in logs]
        self.assertEqual(sum(by_rank), int(said[0][0]))
        self.assertEqual("2.0 MiB", said[0][1], "each byte was read once")


copper_job.main()
