"""Files at the edges: long paths, huge directories, holes, names like the mount point's own. The same bytes and the same
errno as on the source."""

import errno
import hashlib
import os

import copper_job
import source_tree

GIB = 1 << 30
MIB = 1 << 20


def outcome(call, *arguments, **options):
    """What a call returns, or the errno that it fails with."""
    try:
        return call(*arguments, **options)
    except OSError as failure:
        return os.strerror(failure.errno)


class OddFiles(copper_job.Scenario):
    def test_a_directory_of_100_000_entries(self):
        source = copper_job.pathlib.Path(copper_job.tempfile.mkdtemp(prefix="copper-scenario-", dir="/dev/shm"))  # quick to fill
        self.addCleanup(copper_job.shutil.rmtree, source)
        big = source / "big"
        big.mkdir()
        here = os.open(big, os.O_DIRECTORY)
        for number in range(100_000):
            os.close(os.open(f"entry_{number}", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)
        job = self.start(target=source)
        for mount in job.mounts:
            self.assert_errno(errno.ENOENT, os.lstat, f"{mount}/big/absent")
            self.assertEqual(0, os.lstat(f"{mount}/big/entry_77777").st_size)
            with os.scandir(f"{mount}/big") as entries:
                names = [entry.name for entry in entries]
            self.assertEqual(100_000, len(names))
            self.assertEqual({f"entry_{number}" for number in range(100_000)}, set(names))

    def make_sparse(self):
        with open(self.source / "sparse", "wb") as file:
            for offset in (0, 3 * GIB + 5, 5 * GIB):
                file.seek(offset)
                file.write(b"island" * 1000)
            file.truncate(6 * GIB)
        return self.source / "sparse"

    @staticmethod
    def extents(path):
        """The bytes of a sparse file that are not zero, with their offsets; and its size."""
        found = {}
        with open(path, "rb") as file:
            size = end = os.fstat(file.fileno()).st_size
            position = outcome(os.lseek, file.fileno(), 0, os.SEEK_DATA)
            while isinstance(position, int):
                end = os.lseek(file.fileno(), position, os.SEEK_HOLE)
                for block in range(position, end, 4096):
                    content = os.pread(file.fileno(), 4096, block)
                    if any(content):
                        found[block] = content
                position = outcome(os.lseek, file.fileno(), end, os.SEEK_DATA)
        return size, found

    def test_a_sparse_file_of_6_gib(self):
        source = self.make_sparse()
        job = self.start()
        for mount in job.mounts:
            seen = f"{mount}/sparse"
            self.assertEqual(6 * GIB, os.path.getsize(seen))
            with open(source, "rb") as here, open(seen, "rb") as there:
                for offset in (0, 2 * GIB - 3, 3 * GIB, 4 * GIB - 1, 5 * GIB + 10, 6 * GIB - 100, 6 * GIB, 7 * GIB):
                    self.assertEqual(os.pread(here.fileno(), 100_000, offset), os.pread(there.fileno(), 100_000, offset))
                for offset in (0, 1, 6000, 3 * GIB, 4 * GIB, 5 * GIB + 100_000, 6 * GIB - 1, 6 * GIB, 7 * GIB):
                    for whence in (os.SEEK_DATA, os.SEEK_HOLE, os.SEEK_SET):
                        self.assertEqual(outcome(os.lseek, here.fileno(), offset, whence),
                                         outcome(os.lseek, there.fileno(), offset, whence), (offset, whence))
                self.assertEqual(6 * GIB, os.lseek(there.fileno(), 0, os.SEEK_END))

    def test_cp_of_a_sparse_file_copies_only_its_data(self):
        source = self.make_sparse()
        job = self.start(2)
        for how in ("auto", "always"):
            copy = self.root / f"copy-{how}"
            done = copper_job.run("cp", f"--sparse={how}", f"{job.mounts[1]}/sparse", copy)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(self.extents(source), self.extents(copy))
            self.assertLess(os.stat(copy).st_blocks * 512, MIB)
        self.assertLess(job.total("bytes_from_source"), 64 * MIB)

    def make_deep(self, length):
        """Directories of 200-byte names down to a file whose path below the source has `length` bytes."""
        here = os.open(self.source, os.O_DIRECTORY)
        parts, used = [], 0
        while length - used > 255:
            part = "d" * 200
            os.mkdir(part, dir_fd=here)
            below = os.open(part, os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
            parts.append(part)
            used += 201
        parts.append("f" * (length - used))
        with open(os.open(parts[-1], os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=here), "wb") as file:
            file.write(b"at the bottom")
        os.close(here)
        return parts

    def read_below(self, root, parts):
        """Walks down by descriptors, since the whole path is longer than the kernel takes at once."""
        here = os.open(root, os.O_DIRECTORY)
        for part in parts[:-1]:
            below = os.open(part, os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        with open(os.open(parts[-1], os.O_RDONLY, dir_fd=here), "rb") as file:
            content = file.read(), os.listdir(here)
        os.close(here)
        return content

    def test_paths_of_4096_bytes_and_more(self):
        for length in (4095, 4096, 4300):
            with self.subTest(length=length):
                parts = self.make_deep(length)
                self.assertEqual(length, len("/".join(parts)))
                job = self.start()
                expected = self.read_below(self.source, parts)
                for mount in job.mounts:
                    self.assertEqual(expected, self.read_below(mount, parts))
                    self.assert_errno(errno.ENAMETOOLONG, os.lstat, f"{mount}/{'/'.join(parts)}")
                job.stop()
            copper_job.run("find", self.source, "-mindepth", "1", "-delete")

    def test_names_of_255_bytes_and_longer_ones(self):
        self.write("n" * 255, b"255")
        job = self.start(2)
        for mount in job.mounts:
            self.assertEqual(b"255", copper_job.pathlib.Path(f"{mount}/{'n' * 255}").read_bytes())
            for length in (256, 1000, 2000):
                self.assertEqual(outcome(os.lstat, f"{self.source}/{'x' * length}"), outcome(os.lstat, f"{mount}/{'x' * length}"))

    def test_a_path_that_begins_like_the_mount_point(self):
        """The target holds the mounts themselves, and neighbours whose names only begin like theirs."""
        place = self.source / "mounts"
        place.mkdir()
        self.write("mounts/0-data/file", b"neighbour")
        self.write("mounts/00", b"also")
        job = self.start(2, mount=f"{place}/%r")
        for mount in job.mounts:
            self.assertEqual(b"neighbour", copper_job.pathlib.Path(f"{mount}/mounts/0-data/file").read_bytes())
            self.assertEqual(b"also", copper_job.pathlib.Path(f"{mount}/mounts/00").read_bytes())
            for other in ("0", "1"):  # a mount of Copper seen through another is empty, and nothing hangs
                self.assertEqual([], os.listdir(f"{mount}/mounts/{other}"))
                self.assertTrue(os.path.isdir(f"{mount}/mounts/{other}"))

    def test_df_shows_the_figures_of_the_source(self):
        job = self.start()
        here = os.statvfs(self.source)
        for mount in job.mounts:
            there = os.statvfs(mount)
            self.assertEqual(here.f_blocks * here.f_frsize, there.f_blocks * there.f_frsize)
            self.assertEqual((here.f_files, here.f_namemax), (there.f_files, there.f_namemax))
            slack = 0.05 * here.f_blocks * here.f_frsize  # others write to the same disk
            self.assertAlmostEqual(here.f_bavail * here.f_frsize, there.f_bavail * there.f_frsize, delta=slack)
            self.assertEqual(0, copper_job.run("df", mount).returncode)

    def test_special_files_show_their_attributes_and_refuse_to_open(self):
        """A FIFO is the kernel's own business: nobody asks the file system before it is opened."""
        os.mkfifo(self.source / "fifo")
        with copper_job.socket.socket(copper_job.socket.AF_UNIX) as end:
            end.bind(str(self.source / "socket"))
        if os.geteuid() == 0:
            os.mknod(self.source / "zero", 0o20666, os.makedev(1, 5))
        job = self.start(2)
        for mount in job.mounts:
            for name in os.listdir(self.source):
                self.assertEqual(os.lstat(self.source / name).st_mode, os.lstat(f"{mount}/{name}").st_mode)
                self.assertEqual(os.lstat(self.source / name).st_rdev, os.lstat(f"{mount}/{name}").st_rdev)
                if name != "fifo":
                    with self.assertRaises(OSError, msg=name):
                        os.close(os.open(f"{mount}/{name}", os.O_RDONLY | os.O_NONBLOCK))

    def test_loops_and_dangling_links(self):
        for name, to in (("loop", "loop"), ("dangling", "nowhere"), ("ping", "pong"), ("pong", "ping")):
            (self.source / name).symlink_to(to)
        job = self.start(2)
        for mount in job.mounts:
            for name in ("loop", "dangling", "ping"):
                self.assertEqual(outcome(os.stat, self.source / name), outcome(os.stat, f"{mount}/{name}"), name)
                self.assertEqual(os.readlink(self.source / name), os.readlink(f"{mount}/{name}"))

    def test_a_walk_of_four_threads_into_one_large_file(self):
        """Reads at odd offsets, across chunk borders, backwards."""
        content = bytes(hashlib.shake_128(b"copper").digest(5 * MIB + 77))
        self.write("large", content)
        job = self.start()
        for mount in job.mounts:
            with open(f"{mount}/large", "rb", buffering=0) as file:
                for offset in range(5 * MIB, -1, -333_333):
                    self.assertEqual(content[offset:offset + 50_000], os.pread(file.fileno(), 50_000, offset))
        self.assertEqual(source_tree.digest(self.source / "large"), source_tree.digest(f"{job.mounts[0]}/large"))


copper_job.main()
