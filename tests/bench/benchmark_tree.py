"""The source that is mounted: Debian's scientific Python packages and one large file, on local disk.

    ROOT/packages    about 20,000 entries: numpy, scipy, sympy, pandas, matplotlib and what they import, with compiled
                     modules of both optimisation levels; the shared libraries they need stay in /usr/lib
    ROOT/data/large.bin    512 MiB
"""

import os
import shutil
import subprocess
from pathlib import Path

from processes import PYTHON

DISTRIBUTION = Path("/usr/lib/python3/dist-packages")
PACKAGES = (
    "numpy scipy sympy pandas matplotlib "
    "PIL attr beniget contourpy cycler.py dateutil decorator.py fontTools gast kiwisolver lxml mpl_toolkits mpmath "
    "packaging pkg_resources ply pygments pyparsing pythran pytz setuptools six.py"
).split()
LARGE_SIZE = 512 << 20
ROOT = Path(f"/tmp/copper-bench-{os.getuid()}/tree")


def _copy_packages(destination):
    destination.mkdir(parents=True)
    for name in PACKAGES:
        if (DISTRIBUTION / name).exists():
            subprocess.run(["cp", "-a", DISTRIBUTION / name, destination], check=True)
    subprocess.run([PYTHON, "-m", "compileall", "-q", "-j", "2", "-o", "0", "-o", "1", destination],
                   check=False, stdout=subprocess.DEVNULL)  # fmt: skip  # some test inputs are no valid Python


def _write_large(path):
    path.parent.mkdir()
    with open(path, "wb") as file:
        block = os.urandom(1 << 20)
        for number in range(LARGE_SIZE >> 20):
            file.write(number.to_bytes(8, "little") + block[8:])


def prepare():
    """Makes the tree once; returns its root. Half-made trees are never used: it appears by rename."""
    if not ROOT.exists():
        print(f"Making the benchmark tree {ROOT} (once) ...", flush=True)
        draft = ROOT.with_name(f"draft-{os.getpid()}")
        try:
            _copy_packages(draft / "packages")
            _write_large(draft / "data" / "large.bin")
            os.sync()
            draft.rename(ROOT)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return ROOT


def warm_page_cache(root):
    subprocess.run(["find", root, "-type", "f", "-exec", "cat", "{}", "+"], check=True, stdout=subprocess.DEVNULL)


def contents(root):
    """(directories, bytes in regular files) that reading everything asks for."""
    directories, size, seen = 0, 0, set()
    for path, _, names in os.walk(root):
        directories += 1
        for name in names:
            attributes = os.lstat(os.path.join(path, name))
            if not os.path.islink(os.path.join(path, name)) and attributes.st_ino not in seen:
                seen.add(attributes.st_ino)
                size += attributes.st_size
    return directories, size
