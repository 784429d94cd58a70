"""A source with every kind of file, and the comparison of two trees, byte for byte and attribute for attribute."""

import hashlib
import os
import random
import socket
import stat

MIB = 1 << 20
SIZES = [0, 1, 4095, 4096, 4097, 131071, 131073, MIB - 1, MIB, MIB + 1, 2 * MIB, 9 * MIB, 9 * MIB + 17]


def build(root):
    """Fills the directory `root` (bytes); returns the bytes of all its regular files, each path counted."""
    random_bytes = random.Random(2026).randbytes

    def path(*parts):
        return os.path.join(root, *parts)

    def write(name, content, mode=0o644):
        os.makedirs(os.path.dirname(path(name)), exist_ok=True)
        with open(path(name), "wb") as file:
            file.write(content)
        os.chmod(path(name), mode)

    for size in SIZES:
        write(b"sizes/%d" % size, random_bytes(size))
    for number in range(200):
        write(b"many/package_%d/module_%d.py" % (number % 7, number), b"value = %d\n" % number)
    write(b"/".join([b"deep"] * 30) + b"/bottom", b"bottom\n")
    os.makedirs(path(b"empty directory"))

    for name in (b"\xff\xfe not UTF-8 \x80", b"n" * 255, b"new\nline", b"tab\tand \\ and ' and \"", b"-rf", b"*", b" ",
                 "名前".encode(), b".hidden", b"..."):
        write(b"names/" + name, b"content of " + name)
    os.makedirs(path(b"names", b"d" * 255, b"\xe9"))

    write(b"links/first", random_bytes(70000))
    os.link(path(b"links/first"), path(b"links/second"))
    os.link(path(b"links/first"), path(b"many/third"))
    for name, to in ((b"relative", b"first"), (b"up", b"../sizes/1"), (b"dangling", b"nowhere"), (b"loop", b"loop"),
                     (b"ping", b"pong"), (b"pong", b"ping"), (b"absolute", b"/usr/bin/env"), (b"directory", b"../many"),
                     (b"inside", path(b"links/first")), (b"long", b"x" * 4000), (b"odd", b"\xff\n")):
        os.symlink(to, path(b"links", name))

    write(b"modes/read only", b"r", 0o444)
    write(b"modes/execute", b"#!/bin/sh\n", 0o755)
    write(b"modes/setuid", b"s", 0o4755)
    write(b"modes/setgid", b"g", 0o2755)
    write(b"modes/none", b"nobody reads this", 0o000)
    os.makedirs(path(b"modes/sticky"))
    os.chmod(path(b"modes/sticky"), 0o1777)
    os.makedirs(path(b"modes/set group"))
    os.chmod(path(b"modes/set group"), 0o2755)
    os.mkfifo(path(b"modes/fifo"))
    with socket.socket(socket.AF_UNIX) as end:
        here = os.open(path(b"modes"), os.O_DIRECTORY)
        end.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    if os.geteuid() == 0:
        os.mknod(path(b"modes/device"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
        write(b"modes/somebody's", b"his")
        os.chown(path(b"modes/somebody's"), 12345, 54321)

    for name, nanoseconds in ((b"old", 1), (b"future", 4102444800 * 10**9 + 123456789), (b"before 1970", -86400 * 10**9)):
        write(b"times/" + name, name)
        os.utime(path(b"times", name), ns=(nanoseconds, nanoseconds))
    with open(path(b"sparse"), "wb") as file:
        file.seek(5 * MIB + 3)
        file.write(b"data after a hole")
        file.truncate(12 * MIB)
    return sum(entry.st_size for entry, kind in walk(root).values() if kind == "file")


def kind_of(status):
    for kind, test in (("file", stat.S_ISREG), ("directory", stat.S_ISDIR), ("symlink", stat.S_ISLNK)):
        if test(status.st_mode):
            return kind
    return "special"


def walk(root):
    """Relative path (bytes) -> (lstat, kind) of everything below `root`, and of itself."""
    found, todo = {}, [b""]
    while todo:
        relative = todo.pop()
        status = os.lstat(os.path.join(root, relative) if relative else root)
        found[relative] = status, kind_of(status)
        if found[relative][1] == "directory" and (os.geteuid() == 0 or os.access(os.path.join(root, relative), os.R_OK)):
            todo += [os.path.join(relative, name) for name in os.listdir(os.path.join(root, relative))]
    return found


def digest(path, size=256 * 1024):
    """Of a regular file's bytes; errors as their name."""
    found = hashlib.blake2b()
    try:
        with open(path, "rb", buffering=0) as file:
            while piece := file.read(size):
                found.update(piece)
    except OSError as failure:
        return os.strerror(failure.errno)
    return found.hexdigest()


ATTRIBUTES = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_mtime_ns", "st_ctime_ns", "st_rdev")


def difference(source, seen):
    """What differs between a source and a mirror of it: a list of lines. Both are roots, as bytes."""
    expected, found = walk(source), walk(seen)
    complaints = [f"{name!r} is missing" for name in expected.keys() - found.keys()]
    complaints += [f"{name!r} should not be there" for name in found.keys() - expected.keys()]
    inodes = {}
    for name in expected.keys() & found.keys():
        here, there = expected[name][0], found[name][0]
        for attribute in ATTRIBUTES:
            if getattr(here, attribute) != getattr(there, attribute):
                complaints.append(f"{name!r}: {attribute} is {getattr(there, attribute)}, not {getattr(here, attribute)}")
        inodes.setdefault((here.st_dev, here.st_ino), set()).add(there.st_ino)
        source_path, seen_path = os.path.join(source, name), os.path.join(seen, name)
        if expected[name][1] == "symlink" and os.readlink(source_path) != os.readlink(seen_path):
            complaints.append(f"{name!r}: points to {os.readlink(seen_path)!r}")
        if expected[name][1] == "file" and digest(source_path) != digest(seen_path):
            complaints.append(f"{name!r}: its bytes differ: {digest(source_path)} and {digest(seen_path)}")
    complaints += [f"hard links with several inode numbers: {many}" for many in inodes.values() if len(many) > 1]
    if len(set().union(*inodes.values())) != len(inodes):
        complaints.append("an inode number is used for several files")
    return complaints
