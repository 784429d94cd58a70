"""The source fails, gives short answers, changes its handles, hangs: the caller gets its errno or, for what passes, the
right bytes; who waits can be killed at once; nobody else waits, and nothing of it is remembered.

    misbehaving_source_test.py RANKS
"""

import concurrent.futures
import errno
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

import copper_job
import slow_source

RANKS = int(sys.argv.pop())
MIB = 1 << 20
KILLS = 5
# What the end of a waiting process may take: its median, and any of them. The rest of the machine may be busy.
MEDIAN_LIMIT, LIMIT = 0.1, 0.3
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would our children
# What hangs does so until it is cleared: who was held up by it would not come at all. A busy machine is slow.
NOT_HELD_UP = 30


class MisbehavingSource(copper_job.Scenario):
    """Every name is another one in each test, so that nothing is known of it."""

    def setUp(self):
        super().setUp()
        self.random = random.Random(4)
        self.contents = {f"d{number}/file{number}": self.random.randbytes(size)
                         for number, size in enumerate((10, 5000, 300_000, 2 * MIB + 17, MIB, 100, 7, 70_000, 1, 4096))}
        for name, content in self.contents.items():
            self.write(name, content)
        time.sleep(2.1)  # directories have settled: a listing answers for absent names
        self.misbehaving = slow_source.SlowSource(self.source, [self.root / "mounted"])
        self.misbehaving.start()
        self.addCleanup(self.misbehaving.end)  # after the job's end
        self.job = self.launch()
        self.addCleanup(self.misbehaving.clear)  # before its end: whatever the test left hanging goes on

    def launch(self, *options):
        return self.start(RANKS, target=self.root / "mounted", options=["--shared-fs", self.root / "mounted", *options])

    def reader(self, rank, name):
        """A process that reads a file and prints its bytes."""
        return subprocess.Popen(["cat", f"{self.job.mounts[rank]}/{name}"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def read_everywhere(self, name):
        """What each mount says: bytes, or an errno."""
        def read(mount):
            try:
                return pathlib.Path(f"{mount}/{name}").read_bytes()
            except OSError as failure:
                return failure.errno
        with concurrent.futures.ThreadPoolExecutor(RANKS) as pool:
            return list(pool.map(read, self.job.mounts))

    def assert_right(self, *names):
        for name in names or self.contents:
            self.assertEqual([self.contents[name]] * RANKS, self.read_everywhere(name), name)

    # What stays is the caller's; what was wrong once is right the next time.

    def test_errors_of_reads(self):
        names = list(self.contents)
        for number, error in enumerate((errno.EIO, errno.ESTALE, errno.EINTR, errno.ENODATA)):
            name = names[number]
            self.misbehaving.fail("read", f"/{name}", error)
            expected = errno.EIO if error == errno.EINTR else error  # Python would try again for ever
            self.assertEqual([expected] * RANKS, self.read_everywhere(name), os.strerror(error))
            self.assert_right(names[number + 4])
            self.misbehaving.clear()
            self.assert_right(name)

    def test_errors_of_opens(self):
        for name, error in zip(list(self.contents)[:3], (errno.EIO, errno.EMFILE, errno.ENOMEM)):
            self.misbehaving.fail("open", f"/{name}", error)
            self.assertEqual([error] * RANKS, self.read_everywhere(name), os.strerror(error))
            self.misbehaving.clear()
            self.assert_right(name)

    def test_errors_of_lookups(self):
        for number, error in enumerate((errno.EIO, errno.EACCES, errno.ENOMEM)):
            name = list(self.contents)[number]
            self.misbehaving.fail("any", f"/d{number}*", error)
            for mount in self.job.mounts:
                self.assert_errno(error, os.lstat, f"{mount}/{name}")
                self.assert_errno(error, os.lstat, f"{mount}/d{number}/absent")
            self.misbehaving.clear()
            self.assert_right(name)
            for mount in self.job.mounts:
                self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/d{number}/absent")

    def test_errors_of_listings(self):
        for operation, number in (("opendir", 0), ("readdir", 1)):
            self.misbehaving.fail(operation, f"/d{number}", errno.EIO)
            for mount in self.job.mounts:
                self.assert_errno(errno.EIO, os.listdir, f"{mount}/d{number}")
            self.misbehaving.clear()
            for mount in self.job.mounts:
                self.assertEqual([f"file{number}"], os.listdir(f"{mount}/d{number}"))

    # What passes by itself nobody hears of.

    def test_what_passes(self):
        faults = [("read", errno.EINTR, 3), ("read", errno.EAGAIN, 3), ("read", errno.ESTALE, 1), ("read", errno.EIO, 1),
                  ("open", errno.EINTR, 3), ("open", errno.EAGAIN, 2), ("lookup", errno.EINTR, 3), ("getattr", errno.EINTR, 3),
                  ("readdir", errno.EINTR, 3), ("opendir", errno.EINTR, 3)]
        for name, (operation, error, times) in zip(self.contents, faults):
            self.misbehaving.fail(operation, f"/{name}" if operation in ("read", "open") else f"/{os.path.dirname(name)}*",
                                  error, times)
            self.assert_right(name)
            self.misbehaving.clear()

    def test_short_reads(self):
        for name, size in zip(list(self.contents)[2:6], (1000, 1_000_000, 4095, 1)):
            self.misbehaving.shorten(f"/{name}", size)
            self.assert_right(name)
            self.misbehaving.clear()

    def test_a_read_that_ends_too_early(self):
        """Nothing where there should be bytes: once is mended, for ever is ESTALE; never zeros, never a shorter file."""
        once, for_ever = list(self.contents)[2:4]
        self.misbehaving.shorten(f"/{once}", 0, times=1)
        self.assert_right(once)
        self.misbehaving.shorten(f"/{for_ever}", 0)
        self.assertEqual([errno.ESTALE] * RANKS, self.read_everywhere(for_ever))
        self.misbehaving.clear()
        self.assert_right(for_ever)

    def test_delays(self):
        self.misbehaving.delay("any", "/d3*", 300)
        self.misbehaving.delay("read", "/d3*", 500)
        self.assert_right()

    # What hangs.

    def test_a_hanging_file_holds_up_nobody_else(self):
        names = list(self.contents)
        self.misbehaving.hang("read", f"/{names[0]}")
        self.misbehaving.hang("lookup", "/d1")
        self.misbehaving.hang("open", f"/{names[2]}")
        waiting = [self.reader(rank, name) for rank in range(RANKS) for name in names[:3]]
        self.misbehaving.wait_until_hanging(3)
        begin = time.monotonic()
        self.assert_right(*names[3:])
        took = time.monotonic() - begin
        self.assertLess(took, NOT_HELD_UP * copper_job.PATIENCE, "the others waited, too")
        self.assertTrue(all(reader.poll() is None for reader in waiting), "these wait")
        self.misbehaving.clear()
        for number, reader in enumerate(waiting):
            self.assertEqual(self.contents[names[number % 3]], reader.communicate(timeout=20)[0])

    def test_a_hanging_listing_holds_up_those_who_list(self):
        names = list(self.contents)
        self.misbehaving.hang("opendir", "/d0")
        self.misbehaving.hang("lookup", "/d1")  # looked at while / is listed
        begin = time.monotonic()
        self.assert_right(names[0], *names[2:])
        self.assertLess(time.monotonic() - begin, NOT_HELD_UP * copper_job.PATIENCE, "a lookup waits a second for a listing")
        lister = subprocess.Popen(["ls", f"{self.job.mounts[0]}/d0"], stdout=subprocess.PIPE, text=True)
        self.misbehaving.wait_until_hanging()  # the look at /d1 too, where the listing of / found looks cheap
        with self.assertRaises(subprocess.TimeoutExpired):
            lister.wait(1)
        self.misbehaving.clear()
        self.assertEqual("file0\n", lister.communicate(timeout=20)[0])
        self.assert_right()

    def test_past_the_deadline_the_caller_is_told(self):
        self.job = self.launch("--source-timeout", 5)
        self.addCleanup(self.misbehaving.clear)
        name = list(self.contents)[0]
        self.misbehaving.hang("read", f"/{name}")
        begin = time.monotonic()
        self.assertEqual([errno.ETIMEDOUT] * RANKS, self.read_everywhere(name))
        # 5 s, twice: the kernel makes a read ahead, then the read itself.
        self.assertLess(time.monotonic() - begin, (2 * 5 + 10) * copper_job.PATIENCE)
        self.misbehaving.clear()
        self.assert_right()

    MAPPED = "import mmap, sys; file = open(sys.argv[1], 'rb'); sys.stdout.buffer.write(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:])"

    def test_a_stall_is_waited_for_and_told_of(self):
        """As a native client would, for longer than any deadline between ranks: no ETIMEDOUT, no SIGBUS."""
        names = list(self.contents)
        mounts = self.job.mounts
        for what, place in (("read", f"/{names[0]}"), ("read", f"/{names[3]}"), ("lookup", f"/{names[1]}"), ("opendir", "/d2")):
            self.misbehaving.hang(what, place)
        commands = [(["cat", f"{mounts[-1]}/{names[0]}"], self.contents[names[0]]),
                    ([sys.executable, "-c", self.MAPPED, f"{mounts[0]}/{names[3]}"], self.contents[names[3]]),
                    (["cat", f"{mounts[0]}/{names[1]}"], self.contents[names[1]]),
                    (["ls", f"{mounts[-1]}/d2"], b"file2\n")]
        waiting = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for command, _ in commands]

        def told():
            shown = self.job.copper("status", self.job.directory).stdout
            return all(f"{doing} has waited" in shown for doing in (f"reading /{names[0]}", "listing /d2"))
        self.assertTrue(copper_job.until(told, 60, pause=1), self.job.last_words())
        self.assertTrue(self.job.logged("s for the source and goes on waiting"), self.job.last_words())
        time.sleep(5)  # it is the length of the stall
        self.assertEqual([None] * len(waiting), [process.poll() for process in waiting], "these wait")
        self.misbehaving.clear()
        for process, (command, expected) in zip(waiting, commands):
            self.assertEqual(expected, process.communicate(timeout=60)[0], command)
            self.assertEqual(0, process.returncode, command)
        self.assertEqual(0, self.job.total("detours"))
        self.assert_right()

    def test_a_part_that_hangs_does_not_keep_others_waiting(self):
        """A dead storage target: more reads hang than a root reads at once, while waited for, and when nobody waits."""
        self.job = self.launch("--trees", 1)
        names = [f"dead/file{number}" for number in range(16 + 4)]
        for name in names:
            self.write(name, b"hangs")
        self.misbehaving.hang("read", "/dead/*")
        waiting = [self.reader(RANKS - 1, name) for name in names]
        self.misbehaving.wait_until_hanging(16, 30)
        healthy = list(self.contents)
        self.assert_right(healthy[0])
        for process in waiting[:10]:
            process.kill()
        self.assert_right(healthy[1])
        self.misbehaving.clear()
        self.assertEqual([b""] * 10 + [b"hangs"] * 10, [process.communicate(timeout=60)[0] for process in waiting])

    # Who waits can be interrupted; its flight goes on for the others.

    # The operation of the source that hangs: of which path, and the command that waits for it.
    COMMANDS = {
        "lookup": ("/d{0}/file{0}", ["stat", "{mount}/d{0}/file{0}"]),
        "readdir": ("/d{0}", ["ls", "-U", "{mount}/d{0}"]),
        "opendir": ("/d{0}", ["ls", "-U", "{mount}/d{0}"]),
        "open": ("/d{0}/file{0}", ["cat", "{mount}/d{0}/file{0}"]),
        "read": ("/d{0}/file{0}", ["cat", "{mount}/d{0}/file{0}"]),
    }

    def end_of_a_waiting_process(self, command, number):
        """Seconds from the signal until the process is gone."""
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.misbehaving.wait_until_hanging(1)
        time.sleep(0.1)  # it is in the kernel, waiting, whoever leads the flight
        self.assertIsNone(process.poll(), f"{command} waits")
        begin = time.monotonic()
        process.send_signal(number)
        process.wait(20)
        took = time.monotonic() - begin
        self.assertEqual(-number, process.returncode, f"{command} ended by itself")
        return took

    def interrupt(self, what, number, rank, place):
        pattern, words = self.COMMANDS[what]
        self.misbehaving.hang(what, pattern.format(place))
        command = [word.format(place, mount=self.job.mounts[rank]) for word in words]
        took = [self.end_of_a_waiting_process(command, number) for _ in range(KILLS)]
        print(f"  {what}, {signal.Signals(number).name}, rank {rank} of {RANKS}: median {statistics.median(took) * 1000:.1f} ms, "
              f"most {max(took) * 1000:.1f} ms", flush=True)
        self.assertLess(statistics.median(took), MEDIAN_LIMIT * copper_job.PATIENCE)
        self.assertLess(max(took), LIMIT * copper_job.PATIENCE)

    def interrupt_everywhere(self, number):
        """Each kind on a rank of its own: roots of these keys, and ranks that ask a parent."""
        for place, what in enumerate(self.COMMANDS):
            with self.subTest(what):
                self.interrupt(what, number, place % RANKS, place)
                second = self.reader((place + 1) % RANKS, f"d{place}/file{place}")
                time.sleep(0.1)
                before = self.misbehaving.counters()["operations"]["read"]
                self.misbehaving.clear()
                self.assertEqual(self.contents[f"d{place}/file{place}"], second.communicate(timeout=20)[0])
                self.assert_right(f"d{place}/file{place}")
                # The flight of the first who waited was the only one.
                after = self.misbehaving.counters()["operations"]["read"]
                self.assertLessEqual(after - before, len(self.contents[f"d{place}/file{place}"]) // MIB + 1)

    def test_kill_while_waiting(self):
        self.interrupt_everywhere(signal.SIGKILL)

    def test_control_c_while_waiting(self):
        self.interrupt_everywhere(signal.SIGINT)


copper_job.main()
