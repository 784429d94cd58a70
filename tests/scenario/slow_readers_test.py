"""Readers of a directory that take their time: whatever comes and goes meanwhile, a name that stays is told once, and
no read fails."""

import ctypes
import os
import time

import copper_job

STAYING = {f"staying-{number:04d}" for number in range(1500)}
GOING = [f"going-{number:04d}" for number in range(300)]
PAGE = 4096  # some 80 names
LONG_AGO = 100  # seconds

libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
for function in (libc.readdir, libc.telldir, libc.rewinddir, libc.closedir):
    function.argtypes = [ctypes.c_void_p]
libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]


class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_ushort), ("type", ctypes.c_ubyte),
                ("name", ctypes.c_char * 256)]


libc.readdir.restype = ctypes.POINTER(Dirent)


class Stream:
    """opendir(3) and its kin."""

    def __init__(self, path):
        self.handle = libc.opendir(os.fsencode(path))
        assert self.handle, path

    def next(self):
        """A name; None at the end."""
        ctypes.set_errno(0)
        found = libc.readdir(self.handle)
        if not found and ctypes.get_errno():
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return found.contents.name.decode() if found else None

    def rest(self):
        return list(iter(self.next, None))

    def tell(self):
        return libc.telldir(self.handle)

    def seek(self, position):
        libc.seekdir(self.handle, position)

    def rewind(self):
        libc.rewinddir(self.handle)

    def close(self):
        libc.closedir(self.handle)


class PagedReader:
    """getdents64 with small buffers, so that every page is a request of its own where the kernel has no listing."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.names = []
        self.buffer = ctypes.create_string_buffer(PAGE)

    def page(self):
        """False at the end."""
        size = libc.syscall(217 if os.uname().machine == "x86_64" else 61, self.file, self.buffer, PAGE)
        if size < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        at = 0
        while at < size:
            length = int.from_bytes(self.buffer.raw[at + 16:at + 18], "little")
            self.names.append(self.buffer.raw[at + 19:at + length].split(b"\0")[0].decode())
            at += length
        return size > 0

    def close(self):
        os.close(self.file)


class SlowReaders(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.changes = 0
        for name in (*STAYING, *GOING):
            self.write(f"dir/{name}")
        self.settle()

    def settle(self):
        """As after tar: it has an mtime of long ago, another each time, and only its ctime tells when it changed."""
        self.changes += 1
        moment = time.time() - LONG_AGO + self.changes / 100
        os.utime(self.source / "dir", (moment, moment))

    def change(self):
        (self.source / f"dir/{GOING[self.changes]}").unlink()
        self.write(f"dir/coming-{self.changes}")
        self.settle()

    def renew(self, mount):
        """Somebody asks for what is not there: by then the listing's time is over, and the directory is listed anew."""
        time.sleep(0.02)
        self.assertFalse(os.path.exists(f"{mount}/dir/absent-{self.changes}"))

    def assert_told_once(self, names):
        self.assertEqual(len(names), len(set(names)), "a name twice")
        self.assertLessEqual(STAYING | {".", ".."}, set(names))

    def test_the_directory_is_listed_anew_before_each_page(self):
        job = self.start(2, options=["--md-enoent-ttl-ms", 10])
        reader = PagedReader(f"{job.mounts[1]}/dir")
        pages = 0
        while reader.page():
            pages += 1
            if pages < len(GOING) / 2:
                self.change()
                self.renew(job.mounts[1])
        self.assertGreater(pages, 10)
        self.assert_told_once(reader.names)
        reader.close()

    def test_others_fill_the_kernels_listing_meanwhile(self):
        job = self.start(2, options=["--md-enoent-ttl-ms", 10])
        readers = [PagedReader(f"{job.mounts[1]}/dir")]
        for _ in range(6):
            for reader in readers:
                reader.page()
            self.change()
            self.renew(job.mounts[1])
            self.assert_told_once([".", "..", *os.listdir(f"{job.mounts[1]}/dir")])
            readers.append(PagedReader(f"{job.mounts[1]}/dir"))
        self.assertEqual(0, job.copper("refresh", job.directory, "/dir").returncode)
        for reader in readers:
            while reader.page():
                pass
            self.assert_told_once(reader.names)
            reader.close()
        self.assertEqual(set(os.listdir(self.source / "dir")), set(os.listdir(f"{job.mounts[1]}/dir")))

    def test_tell_and_seek_and_nonsense(self):
        job = self.start(2, options=["--md-enoent-ttl-ms", 10])
        stream = Stream(f"{job.mounts[1]}/dir")
        names, places = [], []
        while (name := stream.next()) is not None:
            names.append(name)
            places.append(stream.tell())
        self.assert_told_once(names)
        self.assertEqual(len(places), len(set(places)))
        self.assertGreater(min(places), 0)
        for at in (0, 1, 700, len(names) - 1):
            stream.seek(places[at])
            self.assertEqual(names[at + 1:], stream.rest())
        self.change()
        self.renew(job.mounts[1])
        stream.seek(places[700])
        rest = stream.rest()
        self.assertLessEqual(set(names[701:]) & STAYING, set(rest))
        self.assertFalse(set(names[:701]) & set(rest))
        for nonsense in (places[700] - 1, 12345, 2**31 - 1, 2**40 + 7, 2**63 - 1):
            stream.seek(nonsense)
            self.assertLessEqual(set(stream.rest()), set(os.listdir(self.source / "dir")))
        stream.rewind()
        self.assertEqual({".", "..", *os.listdir(self.source / "dir")}, set(stream.rest()))
        stream.close()

    def test_the_listing_leaves_the_cache_between_two_pages(self):
        data = self.write("data", os.urandom(1 << 20) * 24)
        job = self.start(2, options=["--cache-budget", "16M"])
        reader = PagedReader(f"{job.mounts[1]}/dir")
        while reader.page():
            with open(f"{job.mounts[1]}/{data.name}", "rb", buffering=0) as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                file.seek(len(reader.names) % 24 << 20)
                file.read(1 << 20)
            for other in range(8):  # which other readers take the place of
                os.listdir(f"{job.mounts[1]}/{'dir' if other == 0 else ''}")
        self.assert_told_once(reader.names)
        reader.close()


copper_job.main()
