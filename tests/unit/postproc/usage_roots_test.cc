#include "usage_roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fakes/temporary_directory.h"

namespace copper::postproc {
namespace {

using fakes::TemporaryDirectory;

using profile::PathKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

profile::Profile Used(const std::string& target, std::vector<std::string> paths) {
  profile::Profile profile;
  profile.target = target;
  profile.paths_full = true;
  std::ranges::sort(paths);
  for (const std::string& path : paths) profile.paths.Append(path, {.kind = PathKind::kFile, .events = 1});
  return profile;
}

TEST(UsageRoots, AreMinimal) {
  EXPECT_THAT(MinimalRoots({"/b/c", "/a", "/a/x", "/a-b", "/b/c"}), ElementsAre("/a", "/a-b", "/b/c"));
  EXPECT_THAT(MinimalRoots({"/x", "/"}), ElementsAre("/"));
}

TEST(UsageRoots, PathsStandAtTheSource) {
  EXPECT_EQ(AtSource(Used("/", {}), "/a"), "/a");
  EXPECT_EQ(AtSource(Used("/lus/env", {}), "/a"), "/lus/env/a");
  EXPECT_EQ(AtSource(Used("/lus/env", {}), "/"), "/lus/env");
}

TEST(UsageRoots, EnvironmentsAreFoundAboveWhatWasUsed) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.At("conda/conda-meta"));
  fs::create_directories(directory.At("venv/lib"));
  std::ofstream(directory.At("venv/pyvenv.cfg")) << "home = /usr/bin\n";
  fs::create_directories(directory.At("unused/conda-meta"));
  fs::create_directories(directory.At("plain/lib"));
  const auto profile = Used(directory.path(), {"/conda/lib/python3.11/os.py", "/plain/lib/x", "/venv/bin/python"});
  EXPECT_THAT(EnvironmentRoots(profile), ElementsAre(directory.At("conda"), directory.At("venv")));
}

TEST(UsageRoots, AnEnvironmentThatWasProbedInVainWasNotUsed) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.At("conda/conda-meta"));
  profile::Profile profile = Used(directory.path(), {});
  profile.paths.Append("/conda/lib/libx.so", {.kind = PathKind::kAbsent, .events = 1});
  EXPECT_THAT(EnvironmentRoots(profile), IsEmpty());
}

TEST(UsageRoots, OfTheHomeAreItsFoldersThatWereUsed) {
  const TemporaryDirectory directory;
  for (const char* folder : {"home/me/a/deep", "home/me/b", "home/me/never", "home/you/c"})
    fs::create_directories(directory.At(folder));
  std::ofstream(directory.At("home/me/file")) << "x";
  const std::string before = getenv("HOME") != nullptr ? getenv("HOME") : "";
  setenv("HOME", directory.At("home/me").c_str(), 1);
  const std::string home = directory.At("home/me");
  const auto profile = Used("/", {home, home + "/a/deep/x", home + "/b", home + "/file", directory.At("home/you/c")});
  EXPECT_THAT(HomeRoots(profile), ElementsAre(home + "/a", home + "/b"));
  setenv("HOME", before.c_str(), 1);
}

TEST(UsageRoots, ThatAreGivenHaveToBeThere) {
  const TemporaryDirectory directory;
  fs::create_directories(directory.At("real"));
  fs::create_directory_symlink(directory.At("real"), directory.At("link"));
  std::ofstream(directory.At("file")) << "x";
  const auto both = GivenRoots({directory.At("link"), directory.At("real")});
  ASSERT_TRUE(both);
  EXPECT_THAT(*both, ElementsAre(fs::canonical(directory.At("real")).native())) << "one directory";
  const auto gone = GivenRoots({directory.At("gone")});
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().Describe(), HasSubstr(directory.At("gone")));
  EXPECT_THAT(GivenRoots({directory.At("file")}).error().Describe(), HasSubstr("no directory"));
  EXPECT_THAT(GivenRoots({"/proc/self"}).error().Describe(), HasSubstr("pseudo file system"));
}

}  // namespace
}  // namespace copper::postproc
