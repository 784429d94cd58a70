"""Permissions are the source's: files with access control lists may be read by whom their source lets read them, and by
nobody else, whatever their modes look like."""

import contextlib
import errno
import os
import pathlib
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

import copper_job
import ordinary_user

FOREIGN = "COPPER_TEST_FOREIGN"  # a tree of somebody else's
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32


def set_list(path, user=7, group=0, mask=7, other=0, **named):
    """As setfacl does; `named`: what the user or the group nobody may do."""
    nobody, none = ordinary_user.NOBODY, 0xffffffff
    entries = [(USER_OBJ, user, none)] + ([(USER, named["user_nobody"], nobody)] if "user_nobody" in named else []) \
        + [(GROUP_OBJ, group, none)] + ([(GROUP, named["group_nobody"], nobody)] if "group_nobody" in named else []) \
        + [(MASK, mask, none), (OTHER, other, none)]
    os.setxattr(path, "system.posix_acl_access",
                struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries))


# Name, and its list.
LISTS = {"user": {"user": 6, "user_nobody": 4, "mask": 4}, "group": {"user": 6, "group_nobody": 4, "mask": 4},
         "masked": {"user": 6, "user_nobody": 6, "mask": 0}, "others but nobody": {"user": 6, "user_nobody": 0, "mask": 4, "other": 4},
         "masked before others": {"user": 6, "user_nobody": 4, "mask": 0, "other": 4},
         "program": {"user_nobody": 5, "mask": 5}, "directory": {"user_nobody": 5, "mask": 5},
         "search only": {"user_nobody": 1, "mask": 5}, "closed": {"user_nobody": 0, "mask": 5}}
MODES = {"plain": 0o644, "private": 0o600, "of the group": 0o640}


def build(tree):
    """Root's, with lists for nobody."""
    for name in (*LISTS, *MODES):
        path = tree / name
        if name in ("directory", "search only", "closed"):
            path.mkdir()
            (path / "inner").write_text("inner")
        elif name == "program":
            shutil.copy("/bin/true", path)
        else:
            path.write_text(name)
        if name in LISTS:
            set_list(path, **LISTS[name])
        else:
            path.chmod(MODES[name])
    shutil.copy("/bin/true", tree / "execute only")
    (tree / "execute only").chmod(0o711)


def outcome(call, *arguments):
    try:
        call(*arguments)
        return "works"
    except OSError as failure:
        return os.strerror(failure.errno)


def run(program):
    return subprocess.run([program], check=True)


@unittest.skipUnless(FOREIGN in os.environ, "needs files of somebody else's")
class OwnMount(copper_job.Scenario):
    def outcomes(self, tree):
        """What may be done to each name below."""
        found = {}
        for name in sorted(os.listdir(tree)):
            path = f"{tree}/{name}"
            if os.path.isdir(path):
                found[name, "list"] = outcome(os.listdir, path)
                found[name, "search"] = outcome(pathlib.Path(f"{path}/inner").read_bytes)
            else:
                found[name, "read"] = outcome(pathlib.Path(path).read_bytes)
            found[name, "access"] = [os.access(path, mode) for mode in (os.R_OK, os.X_OK) if name not in ("others but nobody",
                                                                                                 "masked before others")]
            found[name, "others"] = os.lstat(path).st_mode & 0o7
        found["run"] = outcome(run, f"{tree}/program")
        return found

    def test_as_without_copper(self):
        foreign = os.environ[FOREIGN]
        expected = self.outcomes(foreign)
        self.assertEqual("works", expected["user", "read"], "there are lists")
        job = self.start(target=foreign)
        for mount in job.mounts:
            self.assertEqual(expected, self.outcomes(mount))

    def test_without_a_listing(self):
        foreign = os.environ[FOREIGN]
        job = self.start(2, target="/")
        for mount in job.mounts:
            self.assertEqual(b"inner", pathlib.Path(f"{mount}{foreign}/directory/inner").read_bytes())
            self.assertEqual(b"user", pathlib.Path(f"{mount}{foreign}/user").read_bytes())
            self.assert_errno(errno.EACCES, pathlib.Path(f"{mount}{foreign}/masked").read_bytes)

    def test_a_copy_is_not_readable_by_all(self):
        job = self.start(1, target=os.environ[FOREIGN])
        copy = self.root / "copy"
        shutil.copy2(f"{job.mounts[0]}/user", copy)
        self.assertEqual(0o640, stat.S_IMODE(copy.stat().st_mode))

    def test_execute_only(self):
        """A known limit: Copper reads as the user, who may not."""
        foreign = os.environ[FOREIGN]
        self.assertEqual("works", outcome(run, f"{foreign}/execute only"))
        job = self.start(1, target=foreign)
        self.assertEqual("Permission denied", outcome(run, f"{job.mounts[0]}/execute only"))


@unittest.skipUnless(ordinary_user.is_root(), "only root becomes somebody else")
class AmongOthers(copper_job.Scenario):
    def test_what_has_a_list_is_refused(self):
        build(self.source)
        job = self.start(2, options=["--allow-other"], level=3)
        for place in (self.root, pathlib.Path(job.root), pathlib.Path(job.root) / "mnt"):
            place.chmod(0o711)
        for mount in job.mounts:
            for name in (*LISTS, *MODES):
                words = ["ls", f"{mount}/{name}"] if os.path.isdir(f"{mount}/{name}") else ["head", "-c1", f"{mount}/{name}"]
                self.assertEqual(0, copper_job.run(*words).returncode, "the job's user")
                done = copper_job.run(*ordinary_user.AS_NOBODY, *words)
                self.assertEqual(name == "plain", done.returncode == 0, f"{name}: {done.stdout}{done.stderr}")
                self.assertIn("" if name == "plain" else "Permission denied", done.stderr)
        warnings = sum(job.logged("access control list"), [])
        self.assertTrue(warnings, job.last_words())
        self.assertLessEqual(len(warnings), job.ranks, "once a rank")
        self.assertIn(str(self.source), warnings[0])


def main():
    """Both halves, where this is root."""
    if not ordinary_user.is_root():
        copper_job.main()
    with contextlib.ExitStack() as cleanup:
        tree = pathlib.Path(tempfile.mkdtemp(prefix="copper-foreign-", dir="/tmp"))
        cleanup.callback(shutil.rmtree, tree)
        tree.chmod(0o755)
        try:
            build(tree)
        except OSError as failure:
            print(f"skipped: no access control lists here: {failure}")
            return
        first = unittest.main(verbosity=2, argv=sys.argv, exit=False).result.wasSuccessful()
        second = ordinary_user.again_as_nobody(**{FOREIGN: tree})
    sys.exit(0 if first and second == 0 else 1)


main()
