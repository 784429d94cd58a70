"""Every operation that would change something answers EROFS, and changes nothing."""

import ctypes
import errno
import os
import unittest

import copper_job
import source_tree

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def rename_exchange(old, new):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


class ReadOnly(copper_job.Scenario):
    def setUp(self):
        super().setUp()
        self.write("file", b"content")
        self.write("directory/inner", b"inner")
        (self.source / "link").symlink_to("file")
        (self.source / "empty").mkdir()

    def changes(self, mount):
        """Every way to change something: (call, arguments)."""
        file, directory, new = f"{mount}/file", f"{mount}/directory", f"{mount}/new"
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
            yield os.open, (file, flags)
        yield os.open, (new, os.O_CREAT | os.O_WRONLY)
        yield os.open, (f"{directory}/new", os.O_CREAT | os.O_EXCL | os.O_RDWR)
        yield os.open, (directory, os.O_TMPFILE | os.O_RDWR)
        yield os.mkdir, (new,)
        yield os.rmdir, (f"{mount}/empty",)
        yield os.unlink, (file,)
        yield os.unlink, (f"{mount}/link",)
        yield os.rename, (file, new)
        yield os.rename, (file, f"{directory}/inner")
        yield rename_exchange, (file, f"{directory}/inner")
        yield os.link, (file, new)
        yield os.symlink, ("file", new)
        yield os.mkfifo, (new,)
        if os.geteuid() == 0:
            yield os.mknod, (new, 0o20600, os.makedev(1, 3))
        yield os.chmod, (file, 0o600)
        yield os.chown, (file, 1, 1)
        yield os.lchown, (f"{mount}/link", 1, 1)
        yield os.truncate, (file, 1)
        yield os.utime, (file, (1, 1))
        yield os.setxattr, (file, "user.name", b"value")
        yield os.removexattr, (file, "user.name")

    def test_every_change_is_refused(self):
        job = self.start(2)
        for mount in job.mounts:
            for call, arguments in self.changes(mount):
                with self.subTest(call=call.__name__, arguments=arguments):
                    self.assert_errno(errno.EROFS, call, *arguments)
            self.assertFalse(os.access(f"{mount}/file", os.W_OK))
            self.assertFalse(source_tree.difference(os.fsencode(self.source), os.fsencode(mount)))
        self.assertEqual(b"content", (self.source / "file").read_bytes())

    @unittest.skipUnless(os.geteuid() == 0, "only root can remount")
    def test_so_does_the_daemon_where_the_kernel_no_longer_refuses(self):
        job = self.start(2)
        mount = job.mounts[1]
        done = copper_job.run("mount", "-i", "-o", "remount,rw", mount)
        self.assertEqual(0, done.returncode, done.stderr)
        for call, arguments in self.changes(mount):
            creates = call is os.open and arguments[1] & (os.O_CREAT | os.O_TRUNC)
            temporary = call is os.open and arguments[1] & os.O_TMPFILE == os.O_TMPFILE
            if call is os.open and not creates and not temporary:
                continue  # opening changes nothing: writing is what is refused, see below
            expected = {errno.EROFS}
            if temporary or call in (os.setxattr, os.removexattr):
                expected.add(errno.EOPNOTSUPP)  # the kernel's own answer, where the daemon has no such operation
            with self.subTest(call=call.__name__, arguments=arguments):
                with self.assertRaises(OSError) as caught:
                    call(*arguments)
                self.assertIn(caught.exception.errno, expected, caught.exception)
        with self.assertRaises(OSError) as caught, open(f"{mount}/file", "r+b", buffering=0) as file:
            file.write(b"changed")
        self.assertEqual(errno.EROFS, caught.exception.errno)
        self.assertEqual(b"content", copper_job.pathlib.Path(f"{mount}/file").read_bytes())
        self.assertEqual(b"content", (self.source / "file").read_bytes())


copper_job.main()
