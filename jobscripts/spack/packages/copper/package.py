"""Spack recipe of Copper; ../../README.md of the job scripts says how to use it."""

import pathlib

from spack.package import *


class Copper(CMakePackage):
    """Cooperative read-only cache for large machines: a file is read from the source once in the whole job."""

    # The checkout that this recipe stands in.
    git = pathlib.Path(__file__).resolve().parents[4].as_uri()

    version("main", branch="main")

    variant("tests", default=False, description="Build the tests (they need /dev/fuse and root to run)")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type="build")

    depends_on("mpi")
    depends_on("libfabric@1.11:")
    depends_on("libfuse@3.10:")
    depends_on("hdf5@1.10:~mpi")
    depends_on("spdlog@1.10:")
    depends_on("fmt@9:")
    depends_on("cli11@2.2:")
    depends_on("nlohmann-json@3.11:")
    depends_on("xxhash")
    depends_on("libsodium")
    depends_on("googletest@1.12:", when="+tests")

    # std::expected and std::move_only_function of C++23.
    conflicts("%gcc@:11")
    conflicts("%clang@:18")

    def cmake_args(self):
        return [self.define_from_variant("COPPER_TESTS", "tests")]
