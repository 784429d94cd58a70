"""The source changes under the job: one version of each path, or ESTALE; never a mix, never zeros."""

import collections
import concurrent.futures
import errno
import os
import pathlib
import random
import threading
import time

import copper_job

MIB = 1 << 20


class ChangedSource(copper_job.Scenario):
    def test_what_was_read_stays_what_it_was(self):
        self.write("file", b"first version")
        self.write("large", b"1" * (3 * MIB))
        job = self.start()
        for mount in job.mounts:
            self.assertEqual(b"first version", pathlib.Path(f"{mount}/file").read_bytes())
            self.assertEqual(b"1" * (3 * MIB), pathlib.Path(f"{mount}/large").read_bytes())
        self.write("file", b"another, longer version")
        self.write("large", b"2" * (3 * MIB))
        for mount in job.mounts:
            self.assertEqual(b"first version", pathlib.Path(f"{mount}/file").read_bytes())
            self.assertEqual(b"1" * (3 * MIB), pathlib.Path(f"{mount}/large").read_bytes())
            self.assertEqual(13, os.stat(f"{mount}/file").st_size)

    def stale(self, job, name):
        """Nothing is known of the bytes: ESTALE on every mount, and logged where it was seen."""
        for mount in job.mounts:
            for _ in range(2):
                with open(f"{mount}/{name}", "rb", buffering=0) as file:
                    self.assert_errno(errno.ESTALE, file.read, 100)
        self.said_once(job, rf"^(?!.*parent rpc_).*/{name}")

    def looked_at(self, content=b"first"):
        """Attributes are known on every mount, the bytes nowhere. Large, so that they do not come with the attributes."""
        self.write("directory/changed", content * MIB)
        self.write("directory/other", b"other")
        job = self.start()
        for mount in job.mounts:
            self.assertEqual(len(content) * MIB, os.stat(f"{mount}/directory/changed").st_size)
        return job

    def others_are_well(self, job):
        for mount in job.mounts:
            self.assertEqual(b"other", pathlib.Path(f"{mount}/directory/other").read_bytes())

    def test_rewritten_before_it_was_read(self):
        job = self.looked_at()
        self.write("directory/changed", b"later" * MIB)
        self.stale(job, "directory/changed")
        self.others_are_well(job)

    def test_truncated_before_it_was_read(self):
        job = self.looked_at()
        os.truncate(self.source / "directory/changed", 10)
        self.stale(job, "directory/changed")
        self.others_are_well(job)

    def test_replaced_before_it_was_read(self):
        job = self.looked_at()
        self.write("new", b"other" * MIB)
        os.rename(self.source / "new", self.source / "directory/changed")
        self.stale(job, "directory/changed")
        self.others_are_well(job)

    def test_removed_before_it_was_read(self):
        job = self.looked_at()
        os.unlink(self.source / "directory/changed")
        self.stale(job, "directory/changed")
        self.others_are_well(job)

    def change(self, kind, name, size):
        path = self.source / name
        if kind == "replaced":
            self.write("new", b"2" * size)
            os.rename(self.source / "new", path)
        elif kind == "rewritten":
            with open(path, "r+b", buffering=0) as file:
                file.write(b"2" * size)
        elif kind == "truncated":
            os.truncate(path, size // 2)
        elif kind == "appended":
            with open(path, "ab", buffering=0) as file:
                file.write(b"2" * MIB)
        elif kind == "removed":
            path.unlink()
        elif kind == "directory_renamed":
            os.rename(path.parent, f"{path.parent}.moved")
        elif kind == "directory_replaced":
            os.rename(path.parent, f"{path.parent}.moved")
            self.write(name, b"2" * size)

    def test_changed_in_the_middle_of_a_cold_read(self):
        """On all mounts, between chunks that different roots read: what was read stays, the rest is ESTALE.

        A root that has the old file still open may go on reading that one."""
        size = 33 * MIB + 17  # five stripes
        kinds = ("replaced", "rewritten", "truncated", "appended", "removed", "directory_renamed", "directory_replaced")
        for kind in kinds:
            self.write(f"{kind}/file", b"1" * size)
            self.write(f"{kind}/unread", b"1" * size)
        job = self.start()
        for kind in kinds:
            with self.subTest(kind):
                files = [open(f"{mount}/{kind}/file", "rb", buffering=0) for mount in job.mounts]
                for file, mount in zip(files, job.mounts):
                    self.assertEqual(b"1" * MIB, os.pread(file.fileno(), MIB, 0))
                    self.assertEqual(size, os.stat(f"{mount}/{kind}/unread").st_size)
                for name in ("file", "unread"):
                    if os.path.exists(self.source / kind / name) and (name == "file" or "directory" not in kind):
                        self.change(kind, f"{kind}/{name}", size)
                for file, mount in zip(files, job.mounts):
                    with file:
                        stale = sum(self.is_stale(file, offset, size) for offset in range(9 * MIB, size, 8 * MIB))
                        self.assertGreaterEqual(stale, 3)
                        self.assertEqual(b"1" * MIB, os.pread(file.fileno(), MIB, 0))
                        self.assertEqual(size, os.fstat(file.fileno()).st_size)
                        self.assertEqual(b"", os.pread(file.fileno(), MIB, size), "nothing past the version's end")
                    with open(f"{mount}/{kind}/unread", "rb", buffering=0) as file:
                        self.assert_errno(errno.ESTALE, file.read, MIB)
                self.said_once(job, f"changed under the job: .*/{kind}/file;")

    def is_stale(self, file, offset, size):
        try:
            self.assertEqual(b"1" * min(MIB, size - offset), os.pread(file.fileno(), MIB, offset))
            return False
        except OSError as failure:
            self.assertEqual(errno.ESTALE, failure.errno)
            return True

    def said_once(self, job, pattern):
        """It is in the logs of those who noticed: in one line each."""
        lines = job.logged(pattern)
        self.assertTrue(lines, job.last_words())
        self.assertTrue(all(len(of_one) <= 1 for of_one in lines), lines)

    def test_a_known_directory_that_is_gone(self):
        """Its files were known: ESTALE, not a name that was never there."""
        self.write("dir/sub/file", b"1" * MIB)
        job = self.start()
        for mount in job.mounts:
            self.assertEqual(MIB, os.stat(f"{mount}/dir/sub/file").st_size)
        os.rename(self.source / "dir", self.source / "elsewhere")
        for mount in job.mounts:
            with open(f"{mount}/dir/sub/file", "rb", buffering=0) as file:
                self.assert_errno(errno.ESTALE, file.read, MIB)

    def test_a_new_hard_link_is_no_change(self):
        job = self.looked_at()
        os.link(self.source / "directory/changed", self.source / "link")
        for mount in job.mounts:
            self.assertEqual(b"first" * MIB, pathlib.Path(f"{mount}/directory/changed").read_bytes())

    def rewritten_in_place(self, name, content):
        """As rsync -t --inplace, tar and touch -r leave it: other bytes under the same inode, size and times."""
        path = self.source / name
        before = path.stat()
        with open(path, "r+b") as file:
            file.write(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = path.stat()
        self.assertEqual((before.st_ino, before.st_size, before.st_mtime_ns), (after.st_ino, after.st_size, after.st_mtime_ns))

    def test_rewritten_in_place_with_its_times_put_back(self):
        """One byte of the old content was read; all the rest is the old content, too, or ESTALE, on every mount."""
        size = 40 * MIB
        self.write("large", b"1" * size)
        job = self.start()
        with open(f"{job.mounts[0]}/large", "rb", buffering=0) as file:
            self.assertEqual(b"1", file.read(1))
        self.rewritten_in_place("large", b"2" * size)
        refused = 0
        for mount in job.mounts:
            with open(f"{mount}/large", "rb", buffering=0) as file:
                for offset in range(0, size, MIB):
                    try:
                        piece = os.pread(file.fileno(), MIB, offset)
                    except OSError as failure:
                        self.assertEqual(errno.ESTALE, failure.errno)
                        refused += 1
                    else:
                        self.assertEqual({b"1"[0]}, set(piece), f"at {offset}")
        self.assertGreater(refused, 0)
        self.assertEqual(0, job.copper("refresh", job.directory, "/large").returncode)
        for mount in job.mounts:
            self.assertEqual(b"2" * size, pathlib.Path(f"{mount}/large").read_bytes())

    def test_a_linker_a_chmod_and_a_renamer_disturb_nobody(self):
        """While every mount reads: no error, the right bytes, and what was read is read again once per change."""
        size, changes = 24 * MIB, 6
        content = bytes(range(256)) * (size // 256)
        self.write("large", content)
        job = self.start()
        before = job.total("reads_at_source")

        def read(mount):
            with open(f"{mount}/large", "rb", buffering=0) as file:
                for offset in range(0, size, MIB):
                    self.assertEqual(content[:MIB], os.pread(file.fileno(), MIB, offset), f"at {offset}")

        with concurrent.futures.ThreadPoolExecutor(len(job.mounts)) as pool:
            readers = [pool.submit(read, mount) for mount in job.mounts]
            for number in range(changes // 3):
                os.link(self.source / "large", self.source / f"link{number}")
                time.sleep(0.03)
                os.chmod(self.source / "large", 0o600 + number)
                time.sleep(0.03)
                os.rename(self.source / f"link{number}", self.source / f"renamed{number}")
                time.sleep(0.03)
            for reader in readers:
                reader.result()
        chunks = size // MIB
        self.assertLessEqual(job.total("reads_at_source") - before, (2 * changes + 2) * (chunks + 2 * len(job.mounts)))

    def test_rewritten_again_and_again_with_its_times_put_back(self):
        """While every mount reads: all that is read between two refreshes, wherever, is of one generation."""
        chunks, rounds = 40, 4
        path = self.write("large", bytes([1]) * (chunks * MIB))
        times = path.stat()
        job = self.start()
        over = threading.Event()

        def rewrite():
            generation = 1
            with open(path, "r+b", buffering=0) as file:
                while not over.is_set():
                    generation = generation % 255 + 1
                    piece = bytes([generation]) * (MIB // 8)
                    for offset in range(0, chunks * MIB, len(piece)):
                        os.pwrite(file.fileno(), piece, offset)
                    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
                    over.wait(0.1)

        def read(mount):
            seen = collections.Counter()
            order = random.sample(range(chunks), chunks)
            for number in order:
                try:
                    with open(f"{mount}/large", "rb", buffering=0) as file:
                        piece = os.pread(file.fileno(), MIB, number * MIB)
                except OSError as failure:
                    self.assertEqual(errno.ESTALE, failure.errno)
                    seen["refused"] += 1
                else:
                    self.assertEqual(MIB, len(piece))
                    seen.update({generation: 1 for generation in set(piece)})
            return seen

        writer = threading.Thread(target=rewrite)
        writer.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(len(job.mounts)) as pool:
                for number in range(rounds):
                    seen = sum(pool.map(read, job.mounts), collections.Counter())
                    print(f"round {number}: {dict(seen)}", flush=True)
                    self.assertLessEqual(len(set(seen) - {"refused"}), 1, seen)
                    self.assertEqual(0, job.copper("refresh", job.directory, "/large").returncode)
        finally:
            over.set()
            writer.join()
        self.assertEqual(0, job.copper("refresh", job.directory, "/large").returncode)
        last = {pathlib.Path(f"{mount}/large").read_bytes() for mount in job.mounts}
        self.assertEqual({path.read_bytes()}, last)

    def test_a_ctime_that_never_rests_disturbs_nobody(self):
        """Links, modes and renames as fast as they go: no error, the right bytes, and few reads of the source."""
        chunks = 24
        content = b"".join(bytes([number]) * MIB for number in range(chunks))
        path = self.write("large", content)
        job = self.start()
        before = job.total("reads_at_source")
        over = threading.Event()

        def change():
            changes = 0
            while not over.is_set():
                os.link(path, f"{path}.link")
                os.chmod(path, 0o600 + changes % 8)
                os.rename(f"{path}.link", f"{path}.renamed")
                os.unlink(f"{path}.renamed")
                changes += 1
            return changes

        with concurrent.futures.ThreadPoolExecutor(len(job.mounts) + 1) as pool:
            changer = pool.submit(change)
            try:
                for read in pool.map(lambda mount: pathlib.Path(f"{mount}/large").read_bytes(), job.mounts):
                    self.assertTrue(content == read, "other bytes")
            finally:
                over.set()
        reads = job.total("reads_at_source") - before
        print(f"{changer.result()} changes, {reads} reads of the source", flush=True)
        # A comparison reads all that was read before it, once for all that is under way.
        self.assertLessEqual(reads, chunks * (chunks + 1) // 2 + chunks)

    def test_never_a_mix(self):
        """The file is replaced again and again while all mounts read it: one version each time, or ESTALE."""
        size = 4 * MIB
        names = [f"file{number}" for number in range(12)]
        for name in names:
            self.write(name, b"0" * size)
        job = self.start()

        def read(mount):
            seen = set()
            for name in names:
                try:
                    content = pathlib.Path(f"{mount}/{name}").read_bytes()
                except OSError as failure:
                    self.assertEqual(errno.ESTALE, failure.errno)
                    continue
                self.assertEqual(size, len(content))
                self.assertEqual(content[:1] * size, content, "bytes of two versions")
                seen.add((name, content[:1]))
            return seen

        with concurrent.futures.ThreadPoolExecutor(len(job.mounts)) as pool:
            readers = [pool.submit(read, mount) for mount in job.mounts]
            for version in b"123456789":
                for name in names:
                    self.write("new", bytes([version]) * size)
                    os.rename(self.source / "new", self.source / name)
                time.sleep(0.01)
            seen = set().union(*(reader.result() for reader in readers))
        for name in names:
            self.assertLessEqual(len([one for one in seen if one[0] == name]), 1, "one version of a path per job")


copper_job.main()
