"""`copper refresh`: what the source has now is seen on every node, kernel caches included; nobody sees a mix before or after."""

import concurrent.futures
import errno
import hashlib
import json
import mmap
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import copper_job

MIB = 1 << 20


class Refresh(copper_job.Scenario):
    def refresh(self, job, *words, place=None):
        done = job.copper("refresh", place or job.directory, *words)
        self.assertEqual((0, ""), (done.returncode, done.stderr), job.last_words())
        return done.stdout.strip()

    def everywhere(self, job, name, content):
        for mount in job.mounts:
            path = pathlib.Path(f"{mount}/{name}")
            self.assertEqual(content, path.read_bytes(), path)
            self.assertEqual(len(content), path.stat().st_size, path)

    def names(self, job, directory):
        return [sorted(os.listdir(f"{mount}/{directory}")) for mount in job.mounts]

    def test_the_new_version_on_every_node(self):
        self.write("pkg/file", b"first version")
        self.write("pkg/deep/down/large", b"1" * (3 * MIB))
        self.write("beside", b"first")
        job = self.start()
        self.everywhere(job, "pkg/file", b"first version")
        self.everywhere(job, "pkg/deep/down/large", b"1" * (3 * MIB))
        self.everywhere(job, "beside", b"first")
        self.write("pkg/file", b"another, longer version")
        self.write("pkg/deep/down/large", b"2" * (3 * MIB))
        self.write("beside", b"second")
        self.everywhere(job, "pkg/file", b"first version")
        self.assertEqual("refreshed /pkg on 4 ranks", self.refresh(job, "/pkg"))
        self.everywhere(job, "pkg/file", b"another, longer version")
        self.everywhere(job, "pkg/deep/down/large", b"2" * (3 * MIB))
        self.everywhere(job, "beside", b"first")  # was not refreshed
        self.assertEqual("refreshed / on 4 ranks", self.refresh(job))
        self.everywhere(job, "beside", b"second")

    def test_one_file_and_its_neighbours(self):
        for name in ("a", "b", "c"):
            self.write(f"dir/{name}", b"first")
        job = self.start()
        for name in ("a", "b", "c"):
            self.everywhere(job, f"dir/{name}", b"first")
            self.write(f"dir/{name}", b"second!")
        self.refresh(job, "dir/b")
        self.everywhere(job, "dir/b", b"second!")
        self.everywhere(job, "dir/a", b"first")
        self.assertEqual([["a", "b", "c"]] * 4, self.names(job, "dir"))
        self.everywhere(job, "dir/c", b"first")

    def test_names_come_and_go(self):
        self.write("dir/old", b"old")
        self.write("dir/sub/x", b"x")
        (self.source / "link").symlink_to("dir/old")
        job = self.start(options=("--md-enoent-ttl-ms", -1))
        for mount in job.mounts:
            for absent in ("new", "dir/new", "dir/sub/new", "newdir/file"):
                self.assertFalse(os.path.lexists(f"{mount}/{absent}"))
            self.assertEqual("dir/old", os.readlink(f"{mount}/link"))
            self.assertEqual(b"old", pathlib.Path(f"{mount}/link").read_bytes())
        self.assertEqual([["old", "sub"]] * 4, self.names(job, "dir"))
        for name in ("new", "dir/new", "dir/sub/new", "newdir/file"):
            self.write(name, b"new")
        (self.source / "dir/old").unlink()
        (self.source / "link").unlink()
        (self.source / "link").symlink_to("dir/new")
        self.refresh(job)
        for mount in job.mounts:
            for name in ("new", "dir/new", "dir/sub/new", "newdir/file"):
                self.assertEqual(b"new", pathlib.Path(f"{mount}/{name}").read_bytes())
            self.assertFalse(os.path.lexists(f"{mount}/dir/old"))
            self.assertEqual("dir/new", os.readlink(f"{mount}/link"))
        self.assertEqual([["new", "sub"]] * 4, self.names(job, "dir"))
        self.assertEqual([["dir", "link", "new", "newdir"]] * 4, self.names(job, ""))

    def test_files_and_directories_change_places(self):
        self.write("a/inside", b"1")
        self.write("b", b"2")
        self.write("tree/x/y", b"3")
        job = self.start()
        for name, content in (("a/inside", b"1"), ("b", b"2"), ("tree/x/y", b"3")):
            self.everywhere(job, name, content)
        shutil.rmtree(self.source / "a")
        self.write("a", b"now a file")
        (self.source / "b").unlink()
        self.write("b/inside", b"now a directory")
        os.rename(self.source / "tree", self.source / "moved")
        self.refresh(job)
        self.everywhere(job, "a", b"now a file")
        self.everywhere(job, "b/inside", b"now a directory")
        self.everywhere(job, "moved/x/y", b"3")
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.stat, f"{mount}/tree")

    def test_same_inode_size_and_time(self):
        """What no version tells apart: the user who refreshes knows better."""
        path = self.write("file", b"1" * (2 * MIB))
        job = self.start()
        self.everywhere(job, "file", b"1" * (2 * MIB))
        before = path.stat()
        with open(path, "r+b", buffering=0) as file:
            file.write(b"2" * (2 * MIB))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.everywhere(job, "file", b"1" * (2 * MIB))
        self.refresh(job, "/file")
        self.everywhere(job, "file", b"2" * (2 * MIB))

    def test_who_has_the_old_one_open(self):
        old = os.urandom(3 * MIB)
        self.write("dir/replaced", old)
        self.write("dir/same", old)
        job = self.start()
        opened = [[open(f"{mount}/dir/{name}", "rb", buffering=0) for name in ("replaced", "same")] for mount in job.mounts]
        try:
            maps = [mmap.mmap(files[0].fileno(), 0, prot=mmap.PROT_READ) for files in opened]
            numbers = [os.fstat(files[0].fileno()).st_ino for files in opened]
            for mapped in maps:
                self.assertEqual(old, mapped[:])
            self.write("new", b"n" * (3 * MIB))
            os.rename(self.source / "new", self.source / "dir/replaced")
            self.refresh(job, "/dir")
            self.everywhere(job, "dir/replaced", b"n" * (3 * MIB))
            self.everywhere(job, "dir/same", old)
            for mount, files, mapped, number in zip(job.mounts, opened, maps, numbers):
                self.assertEqual(old, mapped[:], "mapped pages stay")
                self.assertEqual(old, os.pread(files[0].fileno(), 3 * MIB, 0), "or ESTALE, were they not in the page cache")
                self.assertEqual(number, os.fstat(files[0].fileno()).st_ino)
                self.assertNotEqual(number, os.stat(f"{mount}/dir/replaced").st_ino)
                self.assertEqual(old, os.pread(files[1].fileno(), 3 * MIB, 0))
        finally:
            for file in sum(opened, []):
                file.close()

    def test_who_has_the_old_one_open_and_has_not_read_it(self):
        self.write("file", b"1" * (3 * MIB))
        job = self.start()
        opened = [open(f"{mount}/file", "rb", buffering=0) for mount in job.mounts]
        self.write("new", b"2" * (3 * MIB))
        os.rename(self.source / "new", self.source / "file")
        self.refresh(job)
        self.everywhere(job, "file", b"2" * (3 * MIB))
        for file in opened:
            with file:
                self.assert_errno(errno.ESTALE, file.read, 100)
                self.assertEqual(3 * MIB, os.fstat(file.fileno()).st_size)

    def test_processes_at_work_in_a_directory(self):
        """Their working directory stays, and what they read there is new."""
        self.write("work/here/file", b"first")
        job = self.start()
        script = ("import os, sys\n"
                  "for line in sys.stdin:\n"
                  "    print(os.getcwd(), open('file').read(), sorted(os.listdir('.')), os.path.exists('new'), flush=True)\n")
        workers = [subprocess.Popen([sys.executable, "-c", script], cwd=f"{mount}/work/here", stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True) for mount in job.mounts]

        def ask(worker):
            worker.stdin.write("\n")
            worker.stdin.flush()
            return worker.stdout.readline().strip()
        try:
            for mount, worker in zip(job.mounts, workers):
                self.assertEqual(f"{mount}/work/here first ['file'] False", ask(worker))
            self.write("work/here/file", b"second")
            self.write("work/here/new", b"")
            for path in ("/work/here", "/work", "/"):
                self.refresh(job, path)
                for mount, worker in zip(job.mounts, workers):
                    self.assertEqual(f"{mount}/work/here second ['file', 'new'] True", ask(worker), path)
        finally:
            for worker in workers:
                worker.stdin.close()
                worker.stdout.close()
                worker.wait()

    def test_a_listing_that_is_being_read(self):
        """Goes on with the names that it began with; what it says of them is not believed."""
        for number in range(3000):
            self.write(f"many/{number:04}", b"first")
        job = self.start()
        streams = [os.scandir(f"{mount}/many") for mount in job.mounts]
        firsts = [next(stream).name for stream in streams]
        for number in range(3000):
            self.write(f"many/{number:04}", b"second!")
        self.refresh(job)
        for mount, stream, first in zip(job.mounts, streams, firsts):
            with stream:
                names = [entry.name for entry in stream]
            self.assertEqual(2999, len(set(names) - {first}))
            for name in names[::300] + names[-5:]:
                self.assertEqual(7, os.stat(f"{mount}/many/{name}").st_size)
                self.assertEqual(b"second!", pathlib.Path(f"{mount}/many/{name}").read_bytes())

    def test_paths_as_users_write_them(self):
        self.write("pkg/file", b"1")
        self.write("pkg/going", b"there")
        (self.source / "link").symlink_to("pkg")
        job = self.start(ranks=2)
        for given in ("pkg/file", "/pkg/file", "//pkg/./file/", f"{job.mounts[0]}/pkg/file", f"{job.mounts[1]}/pkg/file",
                      f"{self.source}/pkg/file", "pkg/other/../file"):
            self.assertEqual("refreshed /pkg/file on 2 ranks", self.refresh(job, given), given)
        for given in ("/", ".", f"{job.mounts[0]}/", str(self.source)):
            self.assertEqual("refreshed / on 2 ranks", self.refresh(job, given), given)
        for mount in job.mounts:
            self.assertEqual("refreshed /pkg/file on 2 ranks", self.refresh(job, f"{mount}/pkg/file", place=mount))
            self.assertEqual("refreshed / on 2 ranks", self.refresh(job, place=mount))
            self.write("pkg/file", mount.encode())
            self.refresh(job, "pkg", place=mount)
            self.everywhere(job, "pkg/file", mount.encode())

        self.everywhere(job, "pkg/going", b"there")
        (self.source / "pkg/going").unlink()
        for place in (job.directory, job.mounts[1]):
            for name in ("pkg/going", "nonsense", "nonsense/below"):
                self.assertEqual(f"refreshed /{name} on 2 ranks; there is no such name in the source now ({self.source}/{name})",
                                 self.refresh(job, name, place=place))
            self.assertIn("what it leads to is refreshed as /pkg/file", self.refresh(job, "link/file", place=place))
        for mount in job.mounts:
            self.assertFalse(os.path.lexists(f"{mount}/pkg/going"), "refreshed nevertheless")

        def refused(message, *words):
            done = job.copper("refresh", *words)
            self.assertEqual((1, ""), (done.returncode, done.stdout))
            self.assertRegex(done.stderr, message)
        for place in (job.directory, job.mounts[0]):
            refused("leads out of the source", place, "../etc")
            refused("too long", place, "x/" * 3000)
        refused("nothing running", self.root)
        self.assertEqual(2, job.copper("refresh").returncode)
        job.end()
        refused("(?s)nothing running.*ended", job.directory, "/pkg")

    def test_a_rank_that_does_not_answer(self):
        """The others are refreshed, and the answer names it."""
        self.write("file", b"first")
        job = self.start(ranks=4)
        self.everywhere(job, "file", b"first")
        self.write("file", b"second!")
        # Through a mount any rank leads, so rank 0 is not needed.
        for stopped, place in ((1, job.directory), (0, job.mounts[2])):
            job.signal(stopped, signal.SIGSTOP)
            try:
                begin = time.monotonic()
                done = job.copper("refresh", place)
                self.assertEqual(1, done.returncode)
                self.assertRegex(done.stderr, f"refreshed / on 3 of 4 ranks.*rank {stopped}")
                self.assertLess(time.monotonic() - begin, 15 * copper_job.PATIENCE)
            finally:
                job.signal(stopped, signal.SIGCONT)
            self.assertTrue(copper_job.until(lambda: job.copper("refresh", job.directory).returncode == 0, 30))
            self.everywhere(job, "file", b"second!")

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount")
    def test_what_somebody_else_has_mounted_there_stays(self):
        self.write("dir/point/file", b"1")
        job = self.start(ranks=1)
        point = f"{job.mounts[0]}/dir/point"
        self.assertEqual(0, copper_job.run("mount", "-t", "tmpfs", "tmpfs", point).returncode)
        try:
            pathlib.Path(f"{point}/mine").write_text("mine")
            self.refresh(job)
            self.refresh(job, "/dir/point")
            self.assertEqual("mine", pathlib.Path(f"{point}/mine").read_text())
        finally:
            copper_job.unmount(point)
        self.everywhere(job, "dir/point/file", b"1")


def block(name, version, size):
    """A file that proves to be whole and of one version: its own name and version, and a digest of all."""
    head = json.dumps({"name": name, "version": version}).encode().ljust(64)
    body = (hashlib.sha256(f"{name} {version}".encode()).digest() * (size // 32 + 1))[:size - 64 - 32]
    return head + body + hashlib.sha256(head + body).digest()


def version_of(content, name, size):
    if len(content) != size or hashlib.sha256(content[:-32]).digest() != content[-32:]:
        raise AssertionError(f"{name}: {len(content)} bytes that no version has")
    head = json.loads(content[:64])
    if head["name"] != name:
        raise AssertionError(f"{name} has the bytes of {head['name']}")
    return head["version"]


class Rewritten(copper_job.Scenario):
    """The source is rewritten all the time, under readers that check every byte."""

    # name -> size. What is rewritten in place fits one page: the source itself gives halves of longer writes.
    REPLACED = {f"dir{n % 3}/replaced{n}": (300, 70_000, 2 * MIB + 5)[n % 3] for n in range(9)}
    IN_PLACE = {f"dir{n % 3}/in_place{n}": 4096 for n in range(6)}
    FILES = REPLACED | IN_PLACE

    def setUp(self):
        super().setUp()
        self.fill()

    def fill(self):
        self.versions = dict.fromkeys(self.FILES, 0)
        for name, size in self.FILES.items():
            self.write(name, block(name, 0, size))
        self.over = threading.Event()

    def write_next(self, name):
        version = self.versions[name] + 1
        content = block(name, version, self.FILES[name])
        if name in self.REPLACED:
            self.write(f"{name}.new", content)
            os.rename(self.source / f"{name}.new", self.source / name)
        else:
            file = os.open(self.source / name, os.O_WRONLY)
            os.pwrite(file, content, 0)
            os.close(file)
        self.versions[name] = version

    def keep_writing(self):
        while not self.over.is_set():
            for name in self.FILES:
                self.write_next(name)
            time.sleep(0.002)

    def keep_reading(self, mount):
        """Counts of what was seen. Between refreshes a path has one version."""
        seen = {"whole": 0, "stale": 0, "versions": set()}
        while not self.over.is_set():
            for name, size in self.FILES.items():
                try:
                    content = pathlib.Path(f"{mount}/{name}").read_bytes()
                except OSError as failure:
                    self.assertEqual(errno.ESTALE, failure.errno, f"{name}: {failure}")
                    seen["stale"] += 1
                    continue
                seen["versions"].add((name, version_of(content, name, size)))
                seen["whole"] += 1
        return seen

    def test_one_version_or_estale(self):
        job = self.start(options=("--md-enoent-ttl-ms", 200))
        refreshes = 0
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            writer = pool.submit(self.keep_writing)
            readers = [pool.submit(self.keep_reading, mount) for mount in job.mounts for _ in range(2)]
            end = time.monotonic() + 15
            while time.monotonic() < end and not any(reader.done() for reader in readers):
                # Through mounts: at once; through the directory a second would pass. Two at a time, of paths that overlap.
                paths = ("/", "dir1", "dir2/in_place2", "dir2")
                both = [subprocess.Popen([copper_job.COPPER, "refresh", job.mounts[number % 4], paths[number % 4]],
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                        for number in (refreshes, refreshes // 2)]
                for one in both:
                    said = one.communicate(timeout=60)[0]
                    self.assertEqual(0, one.returncode, said)
                    refreshes += 1
                time.sleep(0.2)
            self.over.set()
            writer.result()
            seen = [reader.result() for reader in readers]
        whole, stale = (sum(one[what] for one in seen) for what in ("whole", "stale"))
        versions = set().union(*(one["versions"] for one in seen))
        print(f"{refreshes} refreshes, {whole} whole reads, {stale} stale, {len(versions)} versions seen", file=sys.stderr)
        self.assertGreater(refreshes, 5)
        self.assertGreater(whole, 100)
        self.assertGreater(len(versions), len(self.FILES), "refreshes gave new versions")
        # And when all is quiet: the newest, everywhere.
        self.assertEqual(0, job.copper("refresh", job.directory).returncode)
        for mount in job.mounts:
            for name, size in self.FILES.items():
                content = pathlib.Path(f"{mount}/{name}").read_bytes()
                self.assertEqual(self.versions[name], version_of(content, name, size), name)


class RewrittenWithinATick(Rewritten):
    """The same on a source whose times move in ticks of milliseconds, as they did on every file system before Linux 6.13."""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a ramfs")
        super(Rewritten, self).setUp()
        done = copper_job.run("mount", "-t", "ramfs", "ramfs", self.source)
        self.assertEqual(0, done.returncode, done.stderr)
        self.addCleanup(copper_job.unmount, self.source)
        self.fill()


copper_job.main()
