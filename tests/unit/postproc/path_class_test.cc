#include "path_class.h"

#include <gtest/gtest.h>

namespace copper::postproc {
namespace {

std::string_view Class(std::string_view path) {
  return Name(ClassOf(path, false));
}

std::string_view ClassOfAbsent(std::string_view path) {
  return Name(ClassOf(path, true));
}

TEST(PathClass, OfWhatExists) {
  EXPECT_EQ(Class("/env"), "environment_prefix");
  EXPECT_EQ(Class("/env/lib"), "environment_prefix");
  EXPECT_EQ(Class("/env/cabin/x"), "environment_prefix");
  EXPECT_EQ(Class("/env/lib/python3.11"), "python_stdlib");
  EXPECT_EQ(Class("/env/lib/python3.11/lib-dynload/_ssl.so"), "python_stdlib");
  EXPECT_EQ(Class("/env/lib/python3.11/site-packages"), "python_site_packages");
  EXPECT_EQ(Class("/usr/lib/python3/dist-packages/numpy/__init__.py"), "python_site_packages");
  EXPECT_EQ(Class("/env/lib/python3.11/site-packages/torch/nn/a.py"), "torch_python_package");
  EXPECT_EQ(Class("/env/lib/python3.11/site-packages/torch/lib/libtorch.so"), "torch_native_library");
  EXPECT_EQ(Class("/env/bin/python3"), "environment_bin");
  EXPECT_EQ(Class("/env/lib/libssl.so.3"), "shared_library");
  EXPECT_EQ(Class("/env/lib/libssl.so"), "shared_library");
  EXPECT_EQ(Class("/env/lib/note.sound"), "environment_prefix");
}

TEST(PathClass, OfWhatIsAbsent) {
  EXPECT_EQ(ClassOfAbsent("/env/lib/python311.zip"), "python_zip_probe");
  EXPECT_EQ(ClassOfAbsent("/project/pyvenv.cfg"), "virtual_env_probe");
  EXPECT_EQ(ClassOfAbsent("/env/lib/glibc-hwcaps/x86-64-v3/libc.so.6"), "glibc_hwcaps_probe");
  EXPECT_EQ(ClassOfAbsent("/env/lib/libgone.so.1"), "missing_shared_library_probe");
  EXPECT_EQ(ClassOfAbsent("/env/lib/python3.11/site-packages/torch/x.py"), "negative_probe_path");
}

TEST(PathClass, IsCountedWithTheHottestPathAsExample) {
  profile::Profile profile;
  profile.paths_full = true;
  profile.paths.Append("/e/bin/a", {.kind = profile::PathKind::kFile, .events = 2});
  profile.paths.Append("/e/bin/b", {.kind = profile::PathKind::kFile, .events = 5});
  profile.paths.Append("/e/bin/c", {.kind = profile::PathKind::kAbsent, .events = 9});
  const ClassUses uses = CountClasses(profile);
  const ClassUse& bin = uses[static_cast<size_t>(PathClass::kEnvironmentBin)];
  EXPECT_EQ(bin.entries, 2U);
  EXPECT_EQ(bin.events, 7U);
  EXPECT_EQ(bin.example, "/e/bin/b");
  EXPECT_EQ(uses[static_cast<size_t>(PathClass::kNegativeProbePath)].events, 9U);
}

TEST(PathClass, OfTheHottestPathsWhereNoOthersWereRecorded) {
  profile::Profile profile;
  profile.top_n = 2;
  const auto put = [&](profile::TopKind kind, const char* path, uint64_t events) {
    profile.top[static_cast<size_t>(kind)].push_back({.path = path, .events = events, .excess = 0, .use = {}});
  };
  put(profile::TopKind::kMetadata, "/e/bin/a", 3);
  put(profile::TopKind::kData, "/e/bin/a", 4);
  put(profile::TopKind::kNegativeTtl, "/e/x.so", 6);
  const ClassUses uses = CountClasses(profile);
  const ClassUse& bin = uses[static_cast<size_t>(PathClass::kEnvironmentBin)];
  EXPECT_EQ(bin.entries, 1U) << "the same path";
  EXPECT_EQ(bin.events, 7U);
  EXPECT_EQ(uses[static_cast<size_t>(PathClass::kMissingSharedLibraryProbe)].events, 6U);
}

}  // namespace
}  // namespace copper::postproc
