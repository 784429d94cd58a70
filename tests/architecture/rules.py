"""What the architecture allows: the table of modules, as data, and the functions that check it.

Every check returns a list of complaints, each of one line that names the file and what to do.
"""

import collections
import pathlib
import re
import subprocess

# module -> modules whose headers it may include. An arrow that is not here is a defect.
MAY_USE = {
    "base": set(),
    "names": {"base"},
    "jobdir": {"base"},
    "wire": {"names", "base"},
    "fabric": {"base"},
    "storage": {"names", "base"},
    "tree": {"base"},
    "cache": {"names", "base"},
    "profile": {"base"},
    "hdf5": {"profile", "base"},
    "rpc": {"wire", "fabric", "base"},
    "fetch": {"cache", "tree", "rpc", "storage", "profile", "names", "base"},
    "mount": {"base"},
    "fuse": {"fetch", "cache", "profile", "names", "base"},
    "job": {"rpc", "fetch", "tree", "profile", "jobdir", "base"},
    "bootstrap": {"fabric", "tree", "profile", "jobdir", "base"},
    "postproc": {"profile", "jobdir", "base"},
    "cli": {"jobdir", "profile", "postproc", "base"},
}
MAY_USE["app"] = set(MAY_USE) - {"postproc", "cli", "hdf5"}  # the last is loaded, see LOADED

# How a third-party library's headers begin -> the one module that may include them.
THIRD_PARTY = {
    "rdma/": "fabric",
    "sodium": "wire",
    "openssl": "wire",
    "fuse": "fuse",
    "linux/fuse.h": "fuse",
    "mpi": "bootstrap",
    "hdf5": "hdf5",
    "H5": "hdf5",
    "spdlog/": "base",
    "fmt/": "base",
    "CLI/": "jobdir",
    "nlohmann/": "jobdir",
    "xxh": "base",
}

# How CMake calls these libraries -> the one module that may link them, and bring what they bring into each process.
LINKED = {
    "PkgConfig::LIBFABRIC": "fabric",
    "PkgConfig::SODIUM": "wire",
    "PkgConfig::CRYPTO": "wire",
    "PkgConfig::FUSE3": "fuse",
    "PkgConfig::XXHASH": "base",
    "MPI::": "bootstrap",
    "hdf5::": "hdf5",
    "spdlog::": "base",
    "CLI11::": "jobdir",
    "nlohmann_json::": "jobdir",
}

# libfuse mounts, and speaks to the kernel about what is mounted: two modules, since these are two processes.
ALSO = {("fuse", "mount")}

# Nobody includes or links these: they are loaded by who needs them (copper/profile/profile_file.h).
LOADED = {"hdf5"}

# What runs in simulated time (tests/simulation): these take a clock, threads, and ways to wait from outside.
SIMULATED = {"names", "wire", "tree", "cache", "profile", "rpc", "fetch", "job", "bootstrap"}
# But for what stands for the world outside, which the simulator has another of.
OUTSIDE = {"src/bootstrap/mpi_world.cc"}
OF_ITS_OWN = re.compile(r"(?:steady|system|high_resolution)_clock::now|\bSteadyClock\b|\bThreadWakeups\b|\bWorkerPool\b|\bCondition\b"
                        r"|std::(?:j?thread|async|future|promise|random_device|condition_variable|counting_semaphore|latch|barrier)\b"
                        r"|\b(?:sleep_for|sleep_until|usleep|nanosleep|clock_gettime|gettimeofday|getrandom)\b")
COMMENT = re.compile(r"//.*")

# Lines of code that a module may have, its shared headers among them: beyond that it is more than one thing.
MOST_LINES = 3000
MOST_LINES_OF = {"app": 2000}  # it puts together what the others are

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
USES = re.compile(r"copper_module\(\s*(\w+)([^)]*)\)")
KEYWORDS = {"USES", "LIBRARIES", "PRIVATE_LIBRARIES"}


def sources(root):
    """Every C++ file of the product: (module, path)."""
    for top in ("include/copper", "src", "postproc"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in (".h", ".cc"):
                below = path.relative_to(root / top).parts
                yield ("postproc" if top == "postproc" else below[0]), path


def included_module(header, module, path):
    """The module that a quoted include names, or None if it is not one of ours."""
    parts = pathlib.PurePosixPath(header).parts
    if parts[0] == "copper":
        return parts[1]
    if parts[0] in MAY_USE and len(parts) > 1:  # src/ is on the path: "fetch/state.h"
        return parts[0]
    if (path.parent / header).exists():
        return module
    return None


def check_include_graph(root):
    complaints = []
    for module, path in sources(root):
        where = path.relative_to(root)
        if module not in MAY_USE:
            complaints.append(f"{where}: module {module} is not in the table of modules")
            continue
        for _, header in INCLUDE.findall(path.read_text()):
            used = included_module(header, module, path)
            if used is None or used == module:
                continue
            if used not in MAY_USE[module]:
                complaints.append(f"{where}: {module} may not use {used} (includes {header})")
            elif not header.startswith("copper/"):
                complaints.append(f"{where}: {header} is internal to {used}; only headers in include/copper/ are shared")
    return complaints


def lines_of_code(path):
    """Lines that are neither blank nor a comment alone."""
    return sum(1 for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("//"))


def check_sizes(root):
    lines = collections.Counter()
    for module, path in sources(root):
        lines[module] += lines_of_code(path)
    return [f"module {module}: {lines[module]} lines of code, over {most}: what of it belongs elsewhere?"
            for module in sorted(lines) if lines[module] > (most := MOST_LINES_OF.get(module, MOST_LINES))]


def check_link_graph(root):
    complaints = []
    for path in sorted((root / "src").glob("*/CMakeLists.txt")):
        for module, arguments in USES.findall(path.read_text()):
            words = arguments.split()
            if "USES" not in words:
                continue
            for used in words[words.index("USES") + 1:]:
                if used in KEYWORDS:
                    break
                if used not in MAY_USE.get(module, set()):
                    complaints.append(f"{path.relative_to(root)}: {module} may not link {used}")
    return complaints


def check_linked_libraries(root):
    complaints = []
    for path in sorted((root / "src").glob("*/CMakeLists.txt")) + sorted((root / "postproc").glob("CMakeLists.txt")):
        module = path.parent.name
        text = path.read_text()
        for name, owner in LINKED.items():
            if name in text and owner != module and (owner, module) not in ALSO:
                complaints.append(f"{path.relative_to(root)}: {name} belongs to {owner} alone")
        for name in LOADED - {module}:
            if re.search(rf"target_link_libraries\([^)]*\bcopper_{name}\b", text):
                complaints.append(f"{path.relative_to(root)}: {name} is loaded, not linked")
    return complaints


def owner_of_third_party(header):
    for prefix in sorted(THIRD_PARTY, key=len, reverse=True):
        if header.startswith(prefix):
            return THIRD_PARTY[prefix]
    return None


def check_third_party(root):
    complaints = []
    for module, path in sources(root):
        for bracket, header in INCLUDE.findall(path.read_text()):
            owner = owner_of_third_party(header)
            if bracket == "<" and owner and owner != module and (owner, module) not in ALSO:
                complaints.append(f"{path.relative_to(root)}: <{header}> belongs to {owner} alone")
    return complaints


def check_no_time_of_its_own(root):
    complaints = []
    for module, path in sources(root):
        where = str(path.relative_to(root))
        if module not in SIMULATED or where in OUTSIDE:
            continue
        for found in OF_ITS_OWN.findall(COMMENT.sub("", path.read_text())):
            complaints.append(f"{where}: {found}: {module} runs in simulated time, so it is given a Clock, an Executor or Wakeups")
    return complaints


# objdump -t -C: address, flags (7 characters), section, size, name.
SYMBOL = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(.*)$")
WRITABLE = (".data", ".bss", ".tbss", ".tdata", "*COM*")
CONSTANT = re.compile(r"(^|::)k[A-Z]\w*(\[abi:\w+\])?$")  # our constants are named so; some are made at start


def mutable_globals(listing):
    """Names of writable objects of ours in what `objdump -t -C` printed."""
    for line in listing.splitlines():
        found = SYMBOL.match(line)
        if not found:
            continue
        flags, section, name = found.groups()
        writable = section.startswith(WRITABLE) and ".rel.ro" not in section
        object_ = "O" in flags or section.startswith((".tbss", ".tdata"))
        if writable and object_ and "copper::" in name and not is_constant(name):
            yield name


def is_constant(name):
    """Guard variables are passed over: what they guard is judged."""
    made_by_compiler = ("guard variable for ", "vtable for ", "typeinfo ", "VTT for ", "construction vtable ")
    return name.startswith(made_by_compiler) or CONSTANT.search(name) is not None


def check_mutable_globals(libraries):
    complaints = []
    for library in libraries:
        listing = subprocess.run(["objdump", "-t", "-C", str(library)], check=True, capture_output=True, text=True).stdout
        for name in sorted(set(mutable_globals(listing))):
            complaints.append(f"{pathlib.Path(library).name}: mutable global {name}: two daemons must fit in one process")
    return complaints


def check_format(root, clang_format):
    files = [path for top in ("include", "src", "postproc", "tests")
             for path in sorted((root / top).rglob("*")) if path.suffix in (".h", ".cc")]
    done = subprocess.run([clang_format, "--dry-run", *map(str, files)], cwd=root, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)
    places = re.findall(r"^(.+?):\d+:\d+: (?:warning|error)", done.stderr, re.MULTILINE)
    complaints = [f"{pathlib.Path(name).relative_to(root)}: not formatted: {clang_format} -i" for name in sorted(set(places))]
    if done.returncode != 0 and not complaints:
        complaints.append(f"{clang_format} failed: {done.stderr.strip()}")
    return complaints
