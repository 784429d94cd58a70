"""A name that somebody uses stays: working directories, programs that run, whatever is listed or refreshed meanwhile.

With an argument: as on a kernel whose FUSE protocol is no newer than 7.N. 34 is Linux 5.14, which can't expire names; 38 is 6.2,
which can; with 45 (6.18) it lets go of names that nobody uses.
"""

import ctypes
import errno
import os
import pathlib
import shutil
import subprocess
import sys

import copper_job

MINOR = sys.argv.pop(1) if len(sys.argv) > 1 else None
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.mlock.argtypes = LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class NamesInUse(copper_job.Scenario):
    def start(self, ranks=4, target=None, **settings):
        environment = dict(os.environ, COPPER_MOST_FUSE_MINOR=MINOR) if MINOR else None
        return super().start(ranks, target, environment=environment, **settings)

    def settle(self, job):
        """When the kernels have been told whatever there was to tell."""
        done = job.copper("refresh", job.mounts[0], "/no/such/path")
        self.assertEqual((0, ""), (done.returncode, done.stderr), job.last_words())

    def test_directories_made_while_the_job_runs(self):
        """Somebody works in each as soon as it is there: its listing is renewed by his own lookup."""
        self.write("results/first")
        job = self.start(options=["--md-enoent-ttl-ms", 200])
        names = [f"results/made{number}" for number in range(16)]
        for mount in job.mounts:
            self.assertFalse(os.path.lexists(f"{mount}/{names[0]}"))
        for name in names:
            self.write(f"{name}/file", b"there")
            for mount in job.mounts:
                place = f"{mount}/{name}"
                self.assertTrue(copper_job.until(lambda place=place: os.path.isdir(place), 10), place)
                script = "import os, sys; sys.stdin.readline(); print(os.getcwd(), open('file').read(), os.path.exists('absent'))"
                worker = subprocess.Popen([sys.executable, "-c", script], cwd=place, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
                self.settle(job)
                self.assertEqual(f"{place} there False", worker.communicate("\n")[0].strip())


    WORKER = """if True:
        import ctypes, mmap, os, sys
        library = ctypes.CDLL(os.path.abspath('lib.so'))
        file = open('data', 'rb')
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        directory = os.open('.', os.O_RDONLY)
        for line in sys.stdin:
            names = [os.readlink('/proc/self/' + link) for link in ('exe', 'cwd', f'fd/{file.fileno()}', f'fd/{directory}')]
            maps = open('/proc/self/maps').read()
            print(os.getcwd(), os.stat('.').st_ino == os.fstat(directory).st_ino, os.path.samefile('..', os.path.dirname(os.getcwd())),
                  sorted(os.listdir(directory)), len(mapped[:]), 'deleted' in ''.join(names) + maps, names[0], flush=True)
    """

    def worker(self, job, mount):
        """A Python that was started from the mount, works in a directory of it, and has all sorts of its files in use."""
        program = f"{mount}/bin/{os.path.basename(sys.executable)}"
        environment = dict(os.environ, PYTHONHOME=f"{sys.base_prefix}")
        worker = subprocess.Popen([program, "-c", self.WORKER], cwd=f"{mount}/work/here", stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env=environment)
        self.addCleanup(lambda: (worker.stdin.close(), worker.stdout.close(), worker.wait()))
        return worker

    def ask(self, worker):
        worker.stdin.write("\n")
        worker.stdin.flush()
        return worker.stdout.readline().strip()

    def make_workplace(self):
        self.write("work/here/data", b"1" * 3_000_000)
        (self.source / "bin").mkdir()
        shutil.copy(os.path.realpath(sys.executable), self.source / "bin" / os.path.basename(sys.executable))
        library = copper_job.run("sh", "-c", "ldconfig -p | sed -n 's/.*libm.so.6 .*=> //p' | head -1").stdout.strip()
        shutil.copy(os.path.realpath(library), self.source / "work/here/lib.so")
        self.write("work/beside/file", b"first")

    def pin(self, path):
        """A host that is short of memory can't take its pages, as it may at any time; to be told to drop them still does."""
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            pages = LIBC.mmap(None, size, 1, 1, file.fileno(), 0)  # PROT_READ, MAP_SHARED
        self.assertNotEqual(ctypes.c_void_p(-1).value, pages, f"{path}: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(LIBC.munmap, pages, size)
        self.assertEqual(0, LIBC.mlock(pages, size), f"{path}: mlock: {os.strerror(ctypes.get_errno())}")

    def test_a_refresh_of_what_has_not_changed(self):
        """Nobody at work notices, and no byte is read again."""
        self.make_workplace()
        job = self.start()
        workers = [self.worker(job, mount) for mount in job.mounts]
        expected = [f"{mount}/work/here True True ['data', 'lib.so'] 3000000 False {mount}/bin/{os.path.basename(sys.executable)}"
                    for mount in job.mounts]
        self.assertEqual(expected, [self.ask(worker) for worker in workers])

        def use():
            for mount in job.mounts:
                self.assertEqual(b"1" * 3_000_000, pathlib.Path(f"{mount}/work/here/data").read_bytes())
                pathlib.Path(f"{mount}/bin/{os.path.basename(sys.executable)}").read_bytes()
                copper_job.run(f"{mount}/bin/{os.path.basename(sys.executable)}", "-c", "pass")
        use()
        for mount in job.mounts:
            for name in (f"bin/{os.path.basename(sys.executable)}", "work/here/data", "work/here/lib.so"):
                self.pin(f"{mount}/{name}")
        before = job.total("bytes_from_source")
        for path in ("/work/here", "/bin", "/"):
            done = job.copper("refresh", job.mounts[1], path)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(expected, [self.ask(worker) for worker in workers], path)
            use()
            self.assertEqual(expected, [self.ask(worker) for worker in workers], path)
        self.assertEqual(before, job.total("bytes_from_source"))

    def test_a_link_to_what_is_in_use(self):
        """Conda's hard links, chmod and rename change the ctime alone: whoever runs it, has it mapped or open goes on after a refresh."""
        self.make_workplace()
        (self.source / "links").mkdir()
        program = os.path.basename(sys.executable)
        used = ["work/here/data", "work/here/lib.so", f"bin/{program}"]
        job = self.start()
        workers = [self.worker(job, mount) for mount in job.mounts]
        expected = [f"{mount}/work/here True True ['data', 'lib.so'] 3000000 False {mount}/bin/{program}" for mount in job.mounts]
        self.assertEqual(expected, [self.ask(worker) for worker in workers])
        numbers = [[os.stat(f"{mount}/{name}").st_ino for name in used] for mount in job.mounts]
        changes = (lambda path: os.link(path, self.source / "links" / path.name), lambda path: path.chmod(0o775),
                   lambda path: (path.rename(self.source / "links/away"), (self.source / "links/away").rename(path)))
        for change, path in zip(changes, ("/work/here", "/bin", "/"), strict=True):
            for name in used:
                change(self.source / name)
            self.assertEqual(0, job.copper("refresh", job.mounts[1], "/").returncode)
            self.assertEqual(expected, [self.ask(worker) for worker in workers], path)
            for mount, of_mount in zip(job.mounts, numbers):
                for name in used:
                    self.assertEqual((self.source / name).read_bytes(), pathlib.Path(f"{mount}/{name}").read_bytes())
                self.assertEqual(of_mount, [os.stat(f"{mount}/{name}").st_ino for name in used])
                copper_job.run(f"{mount}/bin/{program}", "-c", "pass")
            self.assertEqual(expected, [self.ask(worker) for worker in workers], path)
        self.rewrite_unseen(self.source / "work/here/data", b"2" * 3_000_000)
        self.assertEqual(0, job.copper("refresh", job.mounts[1], "/").returncode)
        for mount, worker in zip(job.mounts, workers):
            self.assertEqual(b"2" * 3_000_000, pathlib.Path(f"{mount}/work/here/data").read_bytes())
            self.assertIn("'lib.so'] 3000000 True", self.ask(worker), "it has the bytes of before, of which there is no name")

    def rewrite_unseen(self, path, content):
        """In place, and its times put back."""
        before = path.stat()
        with open(path, "r+b") as file:
            file.write(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_what_changes_beside_it(self):
        """Is seen; and who works beside it is left alone."""
        self.make_workplace()
        job = self.start()
        workers = [self.worker(job, mount) for mount in job.mounts]
        for number, path in enumerate(("/work", "/work/beside", "/")):
            for mount in job.mounts:
                self.assertTrue(os.path.exists(f"{mount}/work/beside/file"))
                self.assertFalse(os.path.exists(f"{mount}/work/beside/new{number}"))
            content = b"version %d" % number
            self.write("work/beside/file", content)
            self.write(f"work/beside/new{number}", content)
            os.rename(self.source / "work/beside", self.source / "work/moved")
            shutil.copytree(self.source / "work/moved", self.source / "work/beside")
            shutil.rmtree(self.source / "work/moved")
            done = job.copper("refresh", job.mounts[0], path)
            self.assertEqual(0, done.returncode, done.stderr)
            for mount, worker in zip(job.mounts, workers):
                self.assertEqual(content, pathlib.Path(f"{mount}/work/beside/file").read_bytes())
                self.assertEqual(content, pathlib.Path(f"{mount}/work/beside/new{number}").read_bytes())
                self.assertFalse(os.path.exists(f"{mount}/work/moved"))
                self.assertRegex(self.ask(worker), f"^{mount}/work/here True True .* False {mount}/bin/")
        shutil.rmtree(self.source / "work/here")
        self.settle(job)
        done = job.copper("refresh", job.mounts[0])
        self.assertEqual(0, done.returncode, done.stderr)
        for mount in job.mounts:
            self.assertFalse(os.path.exists(f"{mount}/work/here"), "though somebody works there")

    def test_a_directory_in_the_place_of_another(self):
        """Who is in the middle of the one, or works in it, is never given names of the other."""
        for place in ("d", "above/d"):
            for number in range(3000):
                self.write(f"{place}/old{number}")
            self.write(f"{place}/in/file")
        job = self.start(2)
        mount = job.mounts[1]
        readers = []
        for place, moved in (("d", "d"), ("above/d", "above")):
            opened = os.open(f"{mount}/{place}", os.O_DIRECTORY)
            self.addCleanup(os.close, opened)
            stream = os.scandir(opened)
            readers.append((place, opened, os.fstat(opened).st_ino, stream, [next(stream).name for _ in range(500)]))
            os.stat(f"{mount}/{place}/in/file")
            os.rename(self.source / moved, self.source / f"{moved}.away")
            for number in range(3000):
                self.write(f"{place}/new{number}")
        for refreshed in (False, True):
            if refreshed:
                self.assertEqual(0, job.copper("refresh", job.mounts[0]).returncode)
            for place, opened, number, stream, names in readers:
                path = f"{mount}/{place}"
                there = os.stat(self.source / place).st_ino
                self.assertTrue(copper_job.until(lambda path=path, there=there: self.is_noticed(path, there), 30), path)
                with stream:
                    try:
                        names += [entry.name for entry in stream]
                    except OSError as error:
                        self.assertEqual(errno.ESTALE, error.errno)
                self.assertEqual([], [name for name in names if name.startswith("new")])
                self.assertEqual(number, os.fstat(opened).st_ino)
                self.assertTrue(os.path.exists(f"{path}/new7"))
                self.assertEqual(3000, len(os.listdir(path)))
                for name in ("new7", "new8", "new9"):
                    with self.assertRaises(OSError) as failed:
                        os.stat(name, dir_fd=opened)
                    self.assertIn(failed.exception.errno, (errno.ESTALE, errno.ENOENT))

    def is_noticed(self, path, number):
        """Who looks for an absent name has the directory looked at again, every 2 s."""
        return not os.path.exists(f"{path}/absent") and os.stat(path).st_ino == number

    def test_more_names_than_there_is_room_for(self):
        """Others are forgotten, also those who use nothing but a directory, or have something mapped and no more."""
        self.make_workplace()
        (self.source / "many").mkdir()
        self.write("many/0", b"x")
        for number in range(1, self.NAMES):
            if number % 2:
                os.link(self.source / "many/0", self.source / f"many/{number}")
            else:
                (self.source / f"many/{number}").mkdir()
        job = self.start(2, options=["--cache-budget", "16M"])
        for mount in job.mounts:  # more than half of what there is room for, so that all who come now may have to go
            self.look_at_many(mount, 2000)
        workers = [self.worker(job, mount) for mount in job.mounts]
        expected = [f"{mount}/work/here True True ['data', 'lib.so'] 3000000 False {mount}/bin/{os.path.basename(sys.executable)}"
                    for mount in job.mounts]
        self.assertEqual(expected, [self.ask(worker) for worker in workers])
        for mount, worker, answer in zip(job.mounts, workers, expected):
            waiting = [subprocess.Popen(["sleep", "1000"], cwd=f"{mount}/many/{number}") for number in (2, 3990, 10_000)]
            for process in waiting:
                self.addCleanup(lambda process=process: (process.kill(), process.wait()))
            for _ in range(2):
                self.look_at_many(mount, self.NAMES)
                self.assertEqual(answer, self.ask(worker))
                self.assertEqual([f"{mount}/many/{number}" for number in (2, 3990, 10_000)],
                                 [os.readlink(f"/proc/{process.pid}/cwd") for process in waiting])

    NAMES = 20_000

    def look_at_many(self, mount, names):
        for number in range(names):
            os.stat(f"{mount}/many/{number}")


copper_job.main()
