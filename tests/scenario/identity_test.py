"""Files are known by the numbers that they have at their source: git believes its index, 32-bit programs can take them,
df asks for the right file system, and a source that numbers its files anew is no other source."""

import ctypes
import errno
import os
import pathlib
import struct
import unittest

import copper_job
import slow_source

as_root = unittest.skipUnless(os.geteuid() == 0, "only root can mount this")
IN_OPEN = 0x20


class Opens:
    """Counts what is opened in these directories, by inotify."""

    def __init__(self, directories):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._file = self._libc.inotify_init1(os.O_NONBLOCK)
        for directory in directories:
            if self._libc.inotify_add_watch(self._file, os.fsencode(directory), IN_OPEN) < 0:
                raise OSError(ctypes.get_errno(), f"cannot watch {directory}")

    def names(self):
        """Of files that were opened since."""
        found = []
        try:
            while events := os.read(self._file, 1 << 16):
                while events:
                    _, mask, _, length = struct.unpack_from("iIII", events)
                    name = os.fsdecode(events[16:16 + length].rstrip(b"\0"))
                    if name and not mask & 0x40000000:  # of a directory
                        found.append(name)
                    events = events[16 + length:]
        except BlockingIOError:
            return found

    def close(self):
        os.close(self._file)


def git(directory, *arguments):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
                   "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    done = copper_job.run("git", "-C", str(directory), "-c", "user.name=somebody", "-c", "user.email=some@body",
                          *arguments, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"git {arguments}: {done.stderr}")
    return done.stdout


def listed(directory):
    """name -> inode number, . and .. too, as getdents64 has them."""
    numbers = {}
    libc = ctypes.CDLL(None, use_errno=True)
    here = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    buffer = ctypes.create_string_buffer(1 << 16)
    while (got := libc.syscall(217, here, buffer, len(buffer))) > 0:
        at = 0
        while at < got:
            number, _, length = struct.unpack_from("QqH", buffer, at)
            numbers[os.fsdecode(buffer.raw[at + 19:at + length].split(b"\0")[0])] = number
            at += length
    os.close(here)
    return numbers


@unittest.skipUnless(os.uname().machine == "x86_64", "calls are numbered as on x86-64")
class Identity(copper_job.Scenario):
    def test_git_status_opens_no_file(self):
        """Nothing in the index differs from what the mount says, but for a file that was changed."""
        for number in range(50):
            self.write(f"repository/d{number % 5}/file{number}", b"content %d" % number)
        repository = self.source / "repository"
        for path in repository.rglob("file*"):
            os.utime(path, (1_600_000_000, 1_600_000_000))  # long before the index
        git(repository, "init", "--quiet")
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "-m", "all")
        self.assertEqual("", git(repository, "status", "--porcelain"))
        job = self.start(2)
        for mount in job.mounts:
            seen = f"{mount}/repository"
            opens = Opens([seen] + [f"{seen}/d{number}" for number in range(5)])
            self.addCleanup(opens.close)
            self.assertEqual("", git(seen, "status", "--porcelain"))
            self.assertEqual([], opens.names())
            pathlib.Path(f"{seen}/d1/file1").read_bytes()
            self.assertEqual(["file1"], opens.names(), "what is opened is seen")

    def test_numbers_are_the_sources(self):
        self.write("d/file", b"bytes")
        os.link(self.source / "d/file", self.source / "twin")
        for _ in range(2):  # this job and the next
            job = self.start(3)
            for mount in job.mounts:
                for name in ("", "/d", "/d/file", "/twin"):
                    self.assertEqual(os.lstat(f"{self.source}{name}").st_ino, os.lstat(f"{mount}{name}").st_ino, name)
            self.assertEqual(0, job.stop().returncode)

    def test_dots(self):
        self.write("d/e/file", b"bytes")
        job = self.start(2)
        for mount in job.mounts:
            root, d, e = (os.stat(f"{mount}{name}").st_ino for name in ("", "/d", "/d/e"))
            for name, numbers in (("", (root, root)), ("/d", (d, root)), ("/d/e", (e, d))):
                found = listed(f"{mount}{name}")
                self.assertEqual(numbers, (found["."], found[".."]), name)

    def test_dots_of_pseudo_file_systems(self):
        job = self.start(2, target="/")
        for mount in job.mounts:
            self.assertEqual(os.stat(f"{mount}").st_ino, listed(f"{mount}/proc")[".."])
            numbers = listed(f"{mount}/proc/sys/kernel")
            self.assertEqual(os.stat(f"{mount}/proc/sys").st_ino & 0xffffffff, numbers[".."] & 0xffffffff)

    @as_root
    def test_df_asks_for_the_file_system_of_the_path(self):
        point = self.source / "disk"
        point.mkdir()
        self.write("file", b"")
        done = copper_job.run("mount", "-t", "tmpfs", "-o", "size=5m", "scenario", point)
        self.assertEqual(0, done.returncode, done.stderr)
        self.addCleanup(copper_job.unmount, str(point))
        self.write("disk/d/file", b"bytes")
        job = self.start(2)
        for mount in job.mounts:
            for name in ("", "/file", "/disk", "/disk/d/file"):
                here, there = os.statvfs(f"{self.source}{name}"), os.statvfs(f"{mount}{name}")
                self.assertEqual((here.f_blocks, here.f_files, here.f_bsize), (there.f_blocks, there.f_files, there.f_bsize), name)
            self.assertEqual(5 << 20, os.statvfs(f"{mount}/disk").f_blocks * os.statvfs(f"{mount}/disk").f_frsize)
            self.assertEqual(4, len({os.stat(f"{mount}{name}").st_ino for name in ("", "/file", "/disk", "/disk/d/file")}))
            self.assertEqual(os.stat(self.source / "disk/d/file").st_ino & 0xffffffff,
                             os.stat(f"{mount}/disk/d/file").st_ino & 0xffffffff, "the lower half is the source's")

    def test_attributes_at_their_ends(self):
        """Whatever the source's file system can hold."""
        for base in (self.source, pathlib.Path("/dev/shm")):
            source = base / f"ends-{os.getpid()}"
            source.mkdir()
            self.addCleanup(copper_job.shutil.rmtree, source)
            self.make_ends(source)
            names = sorted(os.listdir(source))
            job = self.start(2, target=source)
            for mount in job.mounts:
                self.assertEqual(names, sorted(os.listdir(mount)))
                for name in names:
                    here, there = os.lstat(source / name), os.lstat(f"{mount}/{name}")
                    for attribute in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_rdev", "st_size", "st_blocks", "st_ino",
                                      "st_mtime_ns", "st_ctime_ns"):
                        self.assertEqual(getattr(here, attribute), getattr(there, attribute), (name, attribute))
            self.assertEqual(0, job.stop().returncode)

    @staticmethod
    def make_ends(source):
        second = 1_000_000_000
        for time in (-(1 << 63) // second * second, -10_000_000_000 * second, -(1 << 31) * second, -1, 0, 999_999_999,
                     (1 << 31) * second, (1 << 32) * second + 1, 253_402_300_799 * second + 999_999_999, (1 << 62)):
            path = source / f"time{time}"
            path.touch()
            try:
                os.utime(path, ns=(time, time))
            except (OSError, OverflowError):
                path.unlink()
        for power in (31, 32, 40, 43, 44, 50, 62, 63):
            path = source / f"size{power}"
            with open(path, "wb") as file:
                try:
                    file.truncate((1 << power) - 1)
                except OSError:
                    path.unlink()
        for number in range(200):
            (source / "linked0").touch()
            os.link(source / "linked0", source / f"linked{number + 1}")
        if os.geteuid() == 0:
            os.mknod(source / "device", 0o600 | 0o020000, os.makedev(0xfff, 0xfffff))
            (source / "owned").touch()
            os.chown(source / "owned", 0xfffffffe, 0xfffffffe)
        (source / "modes").touch(0o000)
        os.chmod(source / "modes", 0o7777)


class Renumbering(copper_job.Scenario):
    """A source that makes its inode numbers up, as sshfs and SMB do."""

    def setUp(self):
        super().setUp()
        self.write("d/small", b"small")
        self.content = os.urandom(3 << 20)
        self.write("d/large", self.content)
        for path in (self.source / "d").iterdir():
            os.utime(path, (1_600_000_000, 1_600_000_000))
        self.renumbering = slow_source.SlowSource(self.source, [self.root / "mounted"])
        self.renumbering.start()
        self.addCleanup(self.renumbering.end)
        self.job = self.start(3, target=self.root / "mounted", options=["--shared-fs", self.root / "mounted"])

    def numbers(self):
        return [[os.stat(f"{mount}{name}").st_ino for name in ("", "/d", "/d/small", "/d/large")] for mount in self.job.mounts]

    def test_other_numbers_are_no_other_file(self):
        before = self.numbers()
        self.assertEqual(1, len({tuple(numbers) for numbers in before}), "the same on all ranks")
        self.assertEqual(4, len(set(before[0])))
        self.assertLess(max(before[0]), 1 << 32, "32-bit programs can take the source's")
        with open(f"{self.job.mounts[0]}/d/large", "rb", buffering=0) as file:
            self.assertEqual(self.content[:100], file.read(100))
            real = os.stat(self.root / "mounted/d/large").st_ino
            self.renumbering.renumber()
            self.assertNotEqual(real, os.stat(self.root / "mounted/d/large").st_ino)
            self.assertEqual(self.content[100:], file.read(len(self.content)) + file.read(len(self.content)))
        for mount in self.job.mounts:
            self.assertEqual(self.content, pathlib.Path(f"{mount}/d/large").read_bytes())
            self.assertEqual(b"small", pathlib.Path(f"{mount}/d/small").read_bytes())
        self.assertEqual(before, self.numbers())

    def test_what_changed_is_still_seen(self):
        for mount in self.job.mounts:
            os.stat(f"{mount}/d/small")
        self.renumbering.renumber()
        (self.source / "d/small").write_bytes(b"other")
        for mount in self.job.mounts:
            self.assert_errno(errno.ESTALE, pathlib.Path(f"{mount}/d/small").read_bytes)


copper_job.main()
