"""What loaders do: map files, shared and private, load libraries, execute programs and scripts from the mount."""

import ctypes
import mmap
import os
import random
import shutil

import copper_job

MIB = 1 << 20


class MappedAndExecuted(copper_job.Scenario):
    def test_mappings_shared_and_private(self):
        content = random.Random(3).randbytes(3 * MIB + 123)
        self.write("data", content)
        self.write("small", b"small")
        job = self.start()
        for mount in job.mounts:
            with open(f"{mount}/data", "rb") as file:
                with mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as shared:
                    self.assertEqual(content[2 * MIB:], shared[2 * MIB:])
                    self.assertEqual(content, shared[:])
                with mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as private:
                    private[0:4] = b"mine"
                    self.assertEqual(b"mine" + content[4:], private[:])
            with open(f"{mount}/data", "rb") as file:
                self.assertEqual(content, file.read())
            with open(f"{mount}/small", "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as shared:
                self.assertEqual(b"small", shared[:])

    def test_a_library_is_loaded_from_every_mount(self):
        library = copper_job.run("sh", "-c", "ldconfig -p | sed -n 's/.*libz.so.1 .*=> //p;s/.*libm.so.6 .*=> //p' | head -1")
        shutil.copy(os.path.realpath(library.stdout.strip() or "/lib/x86_64-linux-gnu/libm.so.6"), self.source / "libone.so")
        job = self.start()
        for mount in job.mounts:
            loaded = ctypes.CDLL(f"{mount}/libone.so")
            self.assertTrue(hasattr(loaded, "zlibVersion") or hasattr(loaded, "cos"))
            with open("/proc/self/maps", encoding="utf-8") as maps:
                self.assertIn(f"{mount}/libone.so", maps.read())
            handle, close = loaded._handle, ctypes.CDLL(None).dlclose  # else the mapping keeps the mount busy
            close.argtypes = [ctypes.c_void_p]
            close(handle)

    def test_programs_and_scripts_are_executed(self):
        shutil.copy("/bin/echo", self.source / "echo")
        self.write("script", b"#!/bin/sh\necho script \"$1\"\n", 0o755)
        self.write("not executable", b"#!/bin/sh\n", 0o644)
        place = self.root / "mnt"
        self.write("own interpreter", f"#!{place}/0/echo through\n", 0o755)
        job = self.start(mount=f"{place}/%r")
        for mount in job.mounts:
            self.assertEqual("hello\n", copper_job.run(f"{mount}/echo", "hello").stdout)
            self.assertEqual("script argument\n", copper_job.run(f"{mount}/script", "argument").stdout)
            self.assertEqual(f"through {mount}/own interpreter\n", copper_job.run(f"{mount}/own interpreter").stdout)
            with self.assertRaises(PermissionError):
                copper_job.run(f"{mount}/not executable")

    def test_a_program_keeps_running_while_others_read(self):
        """A mapped program and its file's readers do not wait for each other."""
        shutil.copy(os.path.realpath("/usr/bin/python3"), self.source / "python3")
        job = self.start()
        for mount in job.mounts:
            done = copper_job.run(f"{mount}/python3", "-S", "-c", f"print(len(open('{mount}/python3', 'rb').read()))",
                                  env={"PYTHONHOME": "/usr", "PYTHONDONTWRITEBYTECODE": "1"})
            self.assertEqual(f"{os.path.getsize(self.source / 'python3')}\n", done.stdout, done.stderr)


copper_job.main()
