#!/usr/bin/env python3
"""clang-tidy over the whole product: tests/tidy.py [--analyze] [MODULE...]

The files of a module are one translation unit here, so that its headers, which take most of the time, are looked at once: some
nine minutes of CPU for all. --analyze adds the static analyzer, which takes half an hour more. Checks: .clang-tidy.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
CLANG, TIDY = "clang++-19", "clang-tidy-19"
ANALYZER = "-clang-analyzer-*"


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/tidy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="by default all, and postproc")
    parser.add_argument("--analyze", action="store_true", help="with the static analyzer")
    arguments = parser.parse_args()
    known = all_modules()
    for module in arguments.modules:
        if module not in known:
            parser.error(f"there is no module {module}: {', '.join(known)}")
    return arguments


def all_modules():
    """{name: its directory}"""
    directories = [path.parent for path in sorted(ROOT.glob("src/*/CMakeLists.txt"))] + [ROOT / "postproc"]
    return {directory.name: directory for directory in directories}


def compiler_options():
    """As the build has them, and what is defined for some files alone."""
    packages = ("fuse3", "libfabric", "libxxhash", "libsodium", "libcrypto")
    found = subprocess.run(["pkg-config", "--cflags", *packages, "hdf5", "mpich"], capture_output=True, text=True, check=True)
    return ["-xc++", "-std=c++23", "-Wall", "-Wextra", "-Wno-missing-field-initializers", f"-I{ROOT}/include", f"-I{ROOT}/src", f"-I{ROOT}/postproc", *found.stdout.split(),
            "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL", "-DSPDLOG_SHARED_LIB", "-DFMT_SHARED",
            '-DCOPPER_VERSION="0"', '-DCOPPER_LIBRARIES_FROM_PROGRAM="lib"']


class Unit:
    """Some files of a module, one after the other."""

    def __init__(self, sources, options, directory):
        self.options = [*options, f"-I{sources[0].parent}"]
        self.starts = []  # (first line in the unit, file)
        lines = []
        for source in sources:
            self.starts.append((len(lines) + 1, source))
            lines += source.read_text().splitlines()
        self.file = pathlib.Path(tempfile.mkstemp(suffix=".cc", dir=directory)[1])
        self.file.write_text("\n".join(lines) + "\n")

    def compiles(self):
        command = [CLANG, *self.options, "-fsyntax-only", "-w", self.file]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def complaints(self, checks):
        command = [TIDY, "--quiet", f"--config-file={ROOT}/.clang-tidy", f"--checks={checks}", self.file, "--", *self.options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return [self.at_home(line) for line in done.stdout.splitlines() if re.search(r": (warning|error): ", line)]

    def at_home(self, line):
        """The place of a complaint as the file has it."""
        place = re.fullmatch(rf"{re.escape(str(self.file))}:(\d+):(.*)", line)
        if not place:
            return line
        number = int(place[1])
        first, source = max(start for start in self.starts if start[0] <= number)
        return f"{source.relative_to(ROOT)}:{number - first + 1}:{place[2]}"


def units_of(sources, options, directory):
    """As few as there can be where each file is halved off that does not get along with the rest: names that two files have for
    themselves are one in a unit."""
    unit = Unit(sources, options, directory)
    if len(sources) == 1 or unit.compiles():
        return [unit]
    half = len(sources) // 2
    return units_of(sources[:half], options, directory) + units_of(sources[half:], options, directory)


def look_at(module, options, checks, directory):
    sources = sorted(all_modules()[module].glob("*.cc"))
    return [line for unit in units_of(sources, options, directory) for line in unit.complaints(checks)]


def main():
    arguments = parse_arguments()
    subprocess.run([ROOT / "jobscripts/install_dependencies.sh", "--test"], check=True)
    options = compiler_options()
    checks = "" if arguments.analyze else ANALYZER
    modules = arguments.modules or list(all_modules())
    found = []
    with tempfile.TemporaryDirectory(prefix="copper-tidy-") as directory, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for complaints in pool.map(lambda module: look_at(module, options, checks, directory), modules):
            found += complaints
    found = sorted(set(found))
    print("\n".join(found + [f"{len(found)} complaints about {len(modules)} modules"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
