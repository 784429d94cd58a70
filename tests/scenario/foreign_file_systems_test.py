"""File systems under the target that are not files on a disk: they neither hang nor fool the mount."""

import ctypes
import os
import pathlib
import threading
import unittest

import copper_job

as_root = unittest.skipUnless(os.geteuid() == 0, "only root can mount this")


def mount(kind, point, options):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"scenario", os.fsencode(point), kind.encode(), 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind} at {point}")


class ForeignFileSystems(copper_job.Scenario):
    def within(self, seconds, call, *arguments):
        """The call's result; fails if it does not come in time. What hangs ends with the job."""
        found = []
        thread = threading.Thread(target=lambda: found.append(call(*arguments)), daemon=True)
        thread.start()
        thread.join(seconds * copper_job.PATIENCE)
        self.assertTrue(found, f"{call} {arguments} hangs or failed")
        return found[0]

    def test_pseudo_file_systems(self):
        job = self.start(2, target="/")
        for root in job.mounts:
            self.assertEqual(pathlib.Path("/proc/version").read_text(),
                             self.within(10, pathlib.Path(f"{root}/proc/version").read_text))
            self.assertIn("cpu", self.within(10, pathlib.Path(f"{root}/proc/stat").read_text))
            self.assertIn("kernel", self.within(10, os.listdir, f"{root}/sys"))
            self.assertIn("version", self.within(10, os.listdir, f"{root}/proc"))
            self.assertEqual(pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(),
                             self.within(10, pathlib.Path(f"{root}/sys/kernel/mm/transparent_hugepage/enabled").read_text))
            # A listing with attributes of the directory that they are mounted in.
            self.within(10, copper_job.run, "ls", "-l", root)

    def test_copper_over_copper_is_refused(self):
        """Another job's mount shows nothing of its own through a second one, so nothing would be served."""
        self.write("below/file", b"bytes")
        job = self.start(1)
        (self.root / "link").symlink_to(f"{job.mounts[0]}/below")
        for target in (job.mounts[0], f"{job.mounts[0]}/below", self.root / "link"):
            second = copper_job.run("mpiexec", "-n", 2, copper_job.CU_FUSE, "--mount", self.root / "mnt/%r", "--target", target,
                                    "--log-output-dir", self.root / "second")
            self.assertEqual(2, second.returncode, second.stderr)
            self.assertEqual(1, len(second.stderr.strip().splitlines()), second.stderr)
            self.assertIn(f"{target} lies on {job.mounts[0]}, the mount of another Copper job", second.stderr)
        self.assertEqual(b"bytes", pathlib.Path(f"{job.mounts[0]}/below/file").read_bytes())

    def test_what_changes_is_read_anew(self):
        job = self.start(2, target="/")
        first = float(pathlib.Path(f"{job.mounts[0]}/proc/uptime").read_text().split()[0])
        self.assertTrue(copper_job.until(
            lambda: float(pathlib.Path(f"{job.mounts[0]}/proc/uptime").read_text().split()[0]) > first, 10))

    @as_root
    def test_a_trigger_that_nobody_answers(self):
        """An automount point whose daemon sleeps: whoever looks below it waits, the others must not."""
        point = self.source / "net"
        point.mkdir()
        self.write("beside", b"beside")
        read_end, write_end = os.pipe()
        try:
            try:
                mount("autofs", point, f"fd={write_end},pgrp={os.getpgrp()},minproto=5,maxproto=5,indirect")
            except OSError as failure:
                self.skipTest(f"no autofs here: {failure}")
            self.addCleanup(copper_job.unmount, str(point))
            job = self.start(2)
            for root in job.mounts:
                self.assertEqual({"net", "beside"}, set(self.within(10, os.listdir, root)))
                self.assertEqual(0, self.within(10, copper_job.run, "ls", "-l", root).returncode)
                self.assertEqual(b"beside", self.within(10, pathlib.Path(f"{root}/beside").read_bytes))
            # Nobody may have pulled the trigger: a request would stand in the pipe.
            os.set_blocking(read_end, False)
            with self.assertRaises(BlockingIOError):
                os.read(read_end, 1)
        finally:
            os.close(read_end)
            os.close(write_end)

    @as_root
    def test_a_dead_file_system_under_the_target(self):
        """A FUSE mount that answers nothing, as a server that has gone: what lies beside it is served."""
        point = self.source / "dead"
        point.mkdir()
        self.write("beside", b"beside")
        connection = os.open("/dev/fuse", os.O_RDWR)
        self.addCleanup(os.close, connection)  # before the job ends: whoever hangs there wakes up
        mount("fuse.silent", point, f"fd={connection},rootmode=40000,user_id=0,group_id=0")
        self.addCleanup(copper_job.unmount, str(point))
        job = self.start(2)
        for root in job.mounts:
            self.assertEqual(b"beside", self.within(15, pathlib.Path(f"{root}/beside").read_bytes))
            self.assertEqual({"dead", "beside"}, set(self.within(15, os.listdir, root)))

    @as_root
    def test_another_file_system_below_the_target(self):
        point = self.source / "disk"
        point.mkdir()
        mount("tmpfs", point, "size=4m")
        self.addCleanup(copper_job.unmount, str(point))
        self.write("disk/file", b"on another file system")
        self.write("file", b"on the first")
        job = self.start(2)
        for root in job.mounts:
            self.assertEqual(b"on another file system", pathlib.Path(f"{root}/disk/file").read_bytes())
            self.assertEqual(b"on the first", pathlib.Path(f"{root}/file").read_bytes())
            inodes = [os.lstat(f"{root}{name}").st_ino for name in ("", "/disk", "/disk/file", "/file")]
            self.assertEqual(4, len(set(inodes)), inodes)


copper_job.main()
