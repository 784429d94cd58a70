"""A signal is not the end: who waits for a slow source and gets a signal that does not kill goes on waiting, and gets what
it asked for, as on a local disk. Who is killed goes at once, whatever it got before.

Three ranks in a chain, so that there is a reader at the root, one whose parent is the root, and one below that.
"""

import ctypes
import itertools
import json
import os
import pathlib
import resource
import signal
import statistics
import subprocess
import tarfile
import threading
import time
import unittest

import copper_job
import slow_source

RANKS = 3
PACKAGES = "/usr/lib/python3/dist-packages"
# What the end of a killed process may take. The rest of the machine may be busy; a request that nobody ends is answered
# by its deadline, after more than 5 s.
LIMIT = 3.0

# What a process asks: OPERATION PATH HOW [THREADS]. It calls the C library itself: Python would try again after EINTR.
CALLER = r"""
import ctypes, json, os, resource, signal, sys, threading, time
operation, path, how, threads = sys.argv[1], os.fsencode(sys.argv[2]), sys.argv[3], int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
space = ctypes.create_string_buffer(1 << 16)
page = ctypes.addressof(space) + 4095 & ~4095  # as O_DIRECT wants it
opened = None
if operation in ("read", "direct", "lseek", "getattr", "readdir", "ioctl"):
    opened = os.open(path, os.O_RDONLY | (os.O_DIRECT if operation == "direct" else 0))

def call():
    if operation in ("lookup", "getattr"):
        # AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH and AT_STATX_FORCE_SYNC: of the path, or of what is open
        return libc.statx(-100 if opened is None else opened, path if opened is None else b"", 0x3100, 0x7ff, space)
    if operation == "open":
        return libc.open(path, os.O_RDONLY)
    if operation in ("read", "direct"):
        return libc.pread(opened, ctypes.c_void_p(page), ctypes.c_size_t(4096), ctypes.c_long(0))
    if operation == "readlink":
        return libc.readlink(path, space, 4096)
    if operation == "readdir":
        return libc.getdents64(opened, space, ctypes.c_size_t(1 << 15))
    if operation == "lseek":
        return libc.lseek(opened, ctypes.c_long(0), 4)  # SEEK_HOLE
    if operation == "statfs":
        return libc.statfs(path, space)
    if operation == "ioctl":  # to refresh a path: kRefreshCommand of a TextCommand
        ctypes.memmove(ctypes.addressof(space) + 4, b"/place0", 8)
        return libc.ioctl(opened, ctypes.c_ulong(3 << 30 | 4100 << 16 | ord("C") << 8 | 2), space)
    raise ValueError(operation)

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python has a handler
seen = []
def note(number, frame):
    seen.append(number)
for number in (signal.SIGALRM, signal.SIGUSR2):
    signal.signal(number, note)
    signal.siginterrupt(number, how != "restarting")
if how == "child":
    signal.signal(signal.SIGCHLD, note)
if how == "ignored":
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
if how == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGQUIT])

def ask(outcomes):
    result = call()
    outcomes.append([result, os.strerror(ctypes.get_errno()) if result < 0 else ""])

outcomes = []
others = [threading.Thread(target=ask, args=(outcomes,)) for _ in range(threads - 1)]
print("ready", flush=True)
sys.stdin.readline()
for other in others:
    other.start()
if how in ("restarting", "handled", "blocked", "killed"):
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
if how == "thread":
    while len(outcomes) < threads - 1:
        for other in others:
            if other.is_alive():
                signal.pthread_kill(other.ident, signal.SIGUSR2)
        time.sleep(0.001)
else:
    ask(outcomes)
signal.setitimer(signal.ITIMER_REAL, 0)
pending = sorted(signal.sigpending())
print(json.dumps({"outcomes": outcomes, "signals": len(seen), "pending": pending}), flush=True)
os._exit(0)
"""

# The operation of the source that is slow, for what the caller does.
SLOW = {"lookup": "lookup", "open": "lookup", "getattr": "any", "readlink": "lookup", "read": "read", "direct": "read",
        "readdir": "opendir", "lseek": "lseek", "statfs": "statfs"}
# How the caller is disturbed, and what is sent to it from outside. What is not handled, blocked or ignored there has its
# default action.
DISTURBANCES = {"handled": (), "restarting": (), "thread": (), "ignored": (signal.SIGUSR1,),
                "blocked": (signal.SIGTERM, signal.SIGQUIT), "stopped": (signal.SIGSTOP, signal.SIGCONT),
                "child": (signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG)}
ENDING = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGRTMIN + 5)
# The kernel gives these to one thread alone, and those above, too, except SIGKILL, where all threads have a signal to handle
# first. Where that one waits for another's request (a page that is read ahead, a name that is looked up already), they have
# their effect when that is answered, on every file system.
DUMPING = (signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV, signal.SIGSYS)


def defaults():
    """In a child: what a shell's background jobs ignore, and Python, has its default action; and no core files."""
    for number in ENDING + DUMPING:
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


class Caller:
    """A process that makes one call in each of its threads, once it is told to."""

    # Where in the kernel a thread waits for an answer, or for another one's.
    WAITING = ("request_wait_answer", "folio_wait_bit_common", "d_alloc_parallel", "d_wait_lookup")

    def __init__(self, operation, path, how, threads=1, **options):
        self.how, self.threads = how, threads
        started = threads + (how == "thread")  # the main thread sends the signals
        options.setdefault("preexec_fn", defaults)
        self.process = subprocess.Popen(["/usr/bin/python3", "-S", "-c", CALLER, operation, path, how, str(started)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)

    def wait_until_ready(self):
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the caller did not get ready")

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def waits(self):
        places = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                places.append((task / "wchan").read_text())
            except OSError:
                pass  # a thread that has ended
        return len([place for place in places if place in self.WAITING]) >= self.threads

    def answer(self):
        output = self.process.communicate(timeout=60 * copper_job.PATIENCE)[0]
        if self.process.returncode != 0:
            raise AssertionError(f"the caller ended with {self.process.returncode}")
        return json.loads(output)

    def die(self, number):
        """Seconds until it is gone."""
        begin = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60 * copper_job.PATIENCE)
        return time.monotonic() - begin

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Signals(copper_job.Scenario):
    """Every name is another one in each test, so that nothing is known of it."""

    def setUp(self):
        super().setUp()
        self.places = itertools.count()
        for number in range(200):
            self.write(f"place{number}/file", b"x" * 5000)
            (self.source / f"place{number}/link").symlink_to("file")
        time.sleep(2.1)  # the directories have settled
        self.slow = slow_source.SlowSource(self.source, [self.root / "mounted"]).start()
        self.addCleanup(self.slow.end)  # after the job's end
        self.job = self.start(RANKS, target=self.root / "mounted", deadline=240,
                              options=["--shared-fs", self.root / "mounted", "--fanout", "1", "--trees", "1", "--source-ops", "128"])
        self.addCleanup(self.slow.clear)  # before it

    def path_in(self, place, operation):
        if operation == "readlink":
            return f"{place}/link"
        return place if operation in ("readdir", "getattr", "statfs") else f"{place}/file"

    def pattern_of(self, operation, place):
        return {"statfs": "*", "getattr": f"/{place}*"}.get(operation, f"/{self.path_in(place, operation)}")

    def waiting(self, operation, hows, **options):
        """Callers of each kind on each rank, which wait for the source; those of one kind for the same object."""
        chosen = [(how, f"place{next(self.places)}") for how in hows]
        callers = []
        for how, place in chosen:
            path = self.path_in(place, operation)
            callers += [Caller(operation, f"{mount}/{path}", how, **options) for mount in self.job.mounts]
        for caller in callers:
            self.addCleanup(caller.end)
            caller.wait_until_ready()
        if operation == "getattr":  # what is known of an open directory is asked for again after a refresh
            for _, place in chosen:
                self.assertEqual(0, self.job.copper("refresh", self.job.mounts[0], f"{self.job.mounts[0]}/{place}").returncode)
        for pattern in {self.pattern_of(operation, place) for _, place in chosen}:
            self.slow.hang(SLOW[operation], pattern)
        for caller in callers:
            caller.go()
        for caller in callers:
            if not copper_job.until(caller.waits, 4, 0.005):
                raise AssertionError(f"{operation}, {caller.how}: does not wait: {caller.process.poll()}")
        return callers

    def disturb(self, callers, seconds=0.4):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for caller in callers:
                for number in DISTURBANCES[caller.how]:
                    caller.process.send_signal(number)
            time.sleep(0.01)

    def test_who_lives_gets_its_answer(self):
        for operation in SLOW:
            callers = self.waiting(operation, DISTURBANCES)
            self.disturb(callers)
            for caller in callers:
                self.assertIsNone(caller.process.poll(), f"{operation}, {caller.how}: waits no more")
            self.slow.clear()
            for caller in callers:
                with self.subTest(operation=operation, how=caller.how):
                    answer = caller.answer()
                    self.assertEqual([], [text for result, text in answer["outcomes"] if result < 0])
                    self.assertEqual([signal.SIGQUIT, signal.SIGTERM] if caller.how == "blocked" else [], answer["pending"])
                    if caller.how not in ("ignored", "stopped"):
                        self.assertGreater(answer["signals"], 0, "it was disturbed")

    def die_of_each(self, operation, hows, signals, **options):
        """Callers die of each signal, one after the other."""
        took = {}
        callers = self.waiting(operation, hows, **options)
        time.sleep(0.05)  # under a timer all have been interrupted once
        for number, caller in zip(itertools.cycle(signals), callers):
            self.assertIsNone(caller.process.poll(), f"{operation}: {caller.how}")
            took[signal.Signals(number).name if number < 34 else "SIGRT", caller.how] = caller.die(number)
            self.assertEqual(-number, caller.process.returncode, f"{operation}, {caller.how}: not killed by the signal")
        self.slow.clear()
        print(f"  {operation}: median {statistics.median(took.values()) * 1000:.0f} ms, "
              f"most {max(took.values()) * 1000:.0f} ms {max(took, key=took.get)}", flush=True)
        self.assertLess(max(took.values()), LIMIT * copper_job.PATIENCE, took)

    def test_who_is_killed_goes(self):
        for operation in SLOW:
            with self.subTest(operation):
                if operation == "read":
                    self.die_of_each(operation, ("plain",) * 4, ENDING)
                    self.die_of_each(operation, ("killed",), (signal.SIGKILL,))
                else:
                    self.die_of_each(operation, ("plain", "killed") * 3, ENDING + DUMPING)

    def test_all_threads_of_who_is_killed_go(self):
        for operation, signals in (("direct", ENDING + DUMPING), ("lookup", ENDING), ("read", ENDING)):
            with self.subTest(operation):
                self.die_of_each(operation, ("plain", "killed", "plain"), signals, threads=6)

    def test_core_files_are_written(self):
        if not pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith("core"):
            self.skipTest("core files go elsewhere")
        def prepare():
            defaults()
            limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
            resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
        cores = self.root / "cores"
        cores.mkdir()
        for threads, how in ((1, "plain"), (1, "killed"), (4, "killed")):
            for number, caller in zip(DUMPING, self.waiting("direct", (how,), threads=threads, preexec_fn=prepare, cwd=cores)):
                self.assertLess(caller.die(number), 3 * LIMIT * copper_job.PATIENCE)
                self.assertEqual(-number, caller.process.returncode)
            self.slow.clear()
        self.assertTrue(list(cores.iterdir()), "no core was dumped")

    def test_what_a_debugger_takes_away_was_not_fatal(self):
        libc = ctypes.CDLL(None, use_errno=True)
        seize, cont, detach, interrupt = 0x4206, 7, 17, 0x4207
        caller = self.waiting("direct", ("plain",))[2]
        pid = caller.process.pid
        if libc.ptrace(seize, pid, None, None) != 0:
            self.skipTest("ptrace is not allowed")
        os.kill(pid, signal.SIGINT)
        self.assertEqual(0, libc.ptrace(interrupt, pid, None, None))
        time.sleep(0.3)
        self.assertTrue(caller.waits())
        self.slow.clear()
        while True:  # a stop for the signal, one for the interrupt, in either order; then it runs
            _, status = os.waitpid(pid, 0)
            if not os.WIFSTOPPED(status):
                break
            taken = os.WSTOPSIG(status) == signal.SIGINT
            self.assertEqual(0, libc.ptrace(detach if taken else cont, pid, None, None))
            if taken:
                break
        self.assertEqual([5000 - 5000 % 4096], [result for result, _ in caller.answer()["outcomes"]])

    def test_a_command_to_the_job(self):
        frozen = self.job.daemon(2)
        self.addCleanup(self.job.signal, 2, signal.SIGCONT)
        callers = [Caller("ioctl", f"{mount}/.copper/control", how) for mount in self.job.mounts[:2]
                   for how in ("handled", "restarting", "thread", "stopped")]
        for caller in callers:
            self.addCleanup(caller.end)
            caller.wait_until_ready()
        os.kill(frozen, signal.SIGSTOP)  # it has 3 s to refresh
        for caller in callers:
            caller.go()
        self.assertTrue(copper_job.until(lambda: all(caller.waits() for caller in callers), 2, 0.005))
        self.disturb(callers)
        os.kill(frozen, signal.SIGCONT)
        for caller in callers:
            self.assertEqual([[0, ""]], caller.answer()["outcomes"], caller.how)

    def test_tar_that_is_asked_for_its_totals(self):
        self.slow.delay("any", "*", 5)
        output = self.root / "everything.tar"
        tar = subprocess.Popen(["tar", "--totals=USR1", "-C", self.job.mounts[2], "-cf", output, "."], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        complaints = []
        reader = threading.Thread(target=lambda: complaints.extend(
            line for line in tar.stderr if not line.startswith("Total bytes written")))
        reader.start()
        time.sleep(0.1)  # it handles the signal by now
        sent = 0
        while tar.poll() is None:
            tar.send_signal(signal.SIGUSR1)
            sent += 1
            time.sleep(0.001)
        reader.join()
        tar.stderr.close()
        self.assertEqual((0, []), (tar.returncode, complaints))
        self.assertGreater(sent, 100)
        with tarfile.open(output) as archive:
            self.assertEqual(1 + 3 * 200, len(archive.getnames()))


@unittest.skipUnless(os.path.isdir(f"{PACKAGES}/numpy"), "python3-numpy is not installed")
class Import(copper_job.Scenario):
    def test_under_a_profilers_timer(self):
        source = slow_source.SlowSource(PACKAGES, [self.root / "mounted"], latency_us=2000).start()
        self.addCleanup(source.end)
        job = self.start(RANKS, target=self.root / "mounted",
                         options=["--shared-fs", self.root / "mounted", "--fanout", "1", "--trees", "1"])
        program = """
import signal
ticks = []
signal.signal(signal.SIGALRM, lambda *unused: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
import numpy, numpy.linalg
signal.setitimer(signal.ITIMER_REAL, 0)
print(numpy.__file__, len(ticks) > 10)
"""
        importers = [subprocess.Popen(["/usr/bin/python3", "-S", "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True,
                                      env={"PYTHONPATH": mount, "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"})
                     for mount in job.mounts]
        for mount, importer in zip(job.mounts, importers):
            output, complaints = importer.communicate(timeout=120 * copper_job.PATIENCE)
            self.assertEqual(f"{mount}/numpy/__init__.py True\n", output, complaints)


copper_job.main()
