#!/usr/bin/env python3
"""The product keeps to the table of modules; and these checks can fail.

    architecture_test.py ROOT LIBRARY... [-- unittest options]
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = []
CLANG_FORMAT = "clang-format-19"


class Product(unittest.TestCase):
    """The rules hold for what is in the repository."""

    def assert_clean(self, complaints):
        self.assertFalse(complaints, "\n" + "\n".join(complaints))

    def test_includes_follow_the_table(self):
        self.assertGreater(len(list(rules.sources(ROOT))), 20, "no sources found: the check looks in the wrong place")
        self.assert_clean(rules.check_include_graph(ROOT))

    def test_modules_link_what_the_table_allows(self):
        self.assert_clean(rules.check_link_graph(ROOT))

    def test_no_module_outgrows_its_room(self):
        self.assert_clean(rules.check_sizes(ROOT))

    def test_each_library_is_seen_by_one_module(self):
        self.assert_clean(rules.check_third_party(ROOT))

    def test_each_library_is_linked_by_one_module(self):
        self.assert_clean(rules.check_linked_libraries(ROOT))

    def test_what_is_simulated_has_no_time_of_its_own(self):
        self.assertLessEqual(rules.SIMULATED, set(rules.MAY_USE))
        for outside in rules.OUTSIDE:
            self.assertTrue((ROOT / outside).exists(), outside)
        self.assert_clean(rules.check_no_time_of_its_own(ROOT))

    def test_what_is_loaded_is_used_by_no_module(self):
        for module, used in rules.MAY_USE.items():
            self.assertFalse(used & rules.LOADED, f"{module} would be linked with it")

    def test_no_mutable_globals(self):
        self.assertTrue(LIBRARIES, "no libraries given")
        self.assert_clean(rules.check_mutable_globals(LIBRARIES))

    def test_everything_is_formatted(self):
        if not shutil.which(CLANG_FORMAT):
            self.skipTest(f"{CLANG_FORMAT} is not installed")
        self.assert_clean(rules.check_format(ROOT, CLANG_FORMAT))


class Rules(unittest.TestCase):
    """Each rule finds a defect that was put there for it."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="copper-architecture-"))
        self.addCleanup(shutil.rmtree, self.root)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def test_an_arrow_that_is_not_in_the_table(self):
        self.put("include/copper/tree/forest.h", '#include "copper/base/ids.h"\n')
        self.put("src/tree/forest.cc", '#include "copper/tree/forest.h"\n#include "copper/rpc/channel.h"\n')
        complaints = rules.check_include_graph(self.root)
        self.assertEqual(1, len(complaints), complaints)
        self.assertIn("tree may not use rpc", complaints[0])

    def test_an_internal_header_of_another_module(self):
        self.put("src/fetch/flight.cc", '#include "cache/shard.h"\n')
        self.assertIn("internal to cache", rules.check_include_graph(self.root)[0])

    def test_a_module_outside_the_table(self):
        self.put("src/extra/extra.cc", "")
        self.assertIn("not in the table of modules", rules.check_include_graph(self.root)[0])

    def test_a_link_that_is_not_in_the_table(self):
        self.put("src/cache/CMakeLists.txt", "copper_module(cache USES base storage PRIVATE_LIBRARIES fetch)\n")
        self.assertEqual(["src/cache/CMakeLists.txt: cache may not link storage"], rules.check_link_graph(self.root))

    def test_a_module_that_has_outgrown_its_room(self):
        self.put("src/app/daemon.cc", "int i;\n" * 2000 + "\n  // a comment\n")
        self.put("src/fuse/session.cc", "int i;\n" * 2000)
        self.put("include/copper/fuse/server.h", "int i;\n" * 1000)
        self.assertEqual([], rules.check_sizes(self.root), "comments and blank lines don't count")
        self.put("src/app/main.cc", "int i;\n")
        self.put("include/copper/fuse/server.h", "int i;\n" * 1001)
        self.assertEqual(["module app: 2001 lines of code, over 2000: what of it belongs elsewhere?",
                          "module fuse: 3001 lines of code, over 3000: what of it belongs elsewhere?"],
                         rules.check_sizes(self.root))

    def test_a_library_in_a_foreign_module(self):
        self.put("src/fetch/fetcher.cc", "#include <mpi.h>\n#include <vector>\n")
        self.assertEqual(["src/fetch/fetcher.cc: <mpi.h> belongs to bootstrap alone"], rules.check_third_party(self.root))

    def test_a_library_that_a_foreign_module_links(self):
        self.put("src/profile/CMakeLists.txt", "copper_module(profile USES base PRIVATE_LIBRARIES hdf5::hdf5)\n")
        self.put("src/hdf5/CMakeLists.txt", "copper_module(hdf5 USES profile PRIVATE_LIBRARIES hdf5::hdf5)\n"
                                            "target_link_libraries(copper_hdf5_library PRIVATE copper_hdf5)\n")
        self.put("src/cli/CMakeLists.txt", "add_dependencies(copper copper_hdf5_library)\n"
                                           "target_link_libraries(copper PRIVATE copper_cli copper_hdf5)\n")
        self.assertEqual(["src/cli/CMakeLists.txt: hdf5 is loaded, not linked",
                          "src/profile/CMakeLists.txt: hdf5:: belongs to hdf5 alone"], rules.check_linked_libraries(self.root))

    def test_a_clock_and_a_thread_where_time_is_simulated(self):
        self.put("src/job/look.cc", "// std::thread is not ours\nauto now = std::chrono::steady_clock::now();\nstd::jthread thread;\n")
        self.put("src/fabric/look.cc", "std::jthread thread;\n")
        complaints = rules.check_no_time_of_its_own(self.root)
        self.assertEqual(2, len(complaints), complaints)
        self.assertIn("src/job/look.cc: steady_clock::now", complaints[0])
        self.assertIn("std::jthread", complaints[1])

    def test_mutable_globals_and_statics(self):
        source = self.put("globals.cc", """\
            #include <array>
            #include <string>
            #include <string_view>
            namespace copper::cache {
            int level = 3;                                        // found
            namespace { std::string last_path; }                  // found
            thread_local int depth = 0;                           // found
            extern const std::string kName;
            const std::string kName = "name";                     // a constant made at start
            constexpr std::array<std::string_view, 2> kNames{"a", "b"};
            struct Base { virtual ~Base(); virtual int F(); };
            Base::~Base() = default;
            int Base::F() { return static_cast<int>(kNames[static_cast<size_t>(level) % 2].size() + last_path.size()); }
            int Next() { static int calls = 0; static const std::string kFixed = last_path; return ++calls + ++depth; }  // calls
            }
            """)
        objects = self.root / "globals.o"
        subprocess.run(["g++", "-std=c++20", "-fPIC", "-c", "-o", str(objects), str(source)], check=True)
        complaints = "\n".join(rules.check_mutable_globals([objects]))
        for name in ("copper::cache::level", "last_path", "depth", "Next()::calls"):
            self.assertIn(name, complaints)
        self.assertEqual(4, len(complaints.splitlines()), complaints)

    @unittest.skipUnless(shutil.which(CLANG_FORMAT), f"{CLANG_FORMAT} is not installed")
    def test_a_file_that_is_not_formatted(self):
        shutil.copy(ROOT / ".clang-format", self.root)
        self.put("src/tree/forest.cc", "int   F( ){return 1 ;}\n")
        self.assertIn("src/tree/forest.cc: not formatted", rules.check_format(self.root, CLANG_FORMAT)[0])


if __name__ == "__main__":
    LIBRARIES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1], verbosity=2)
