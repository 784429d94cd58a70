// A million paths: the file is small, it is made and read in seconds, and it is never whole in memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include "copper/profile/profile_file.h"
#include "fakes/temporary_directory.h"

namespace copper::profile {
namespace {

using fakes::TemporaryDirectory;

constexpr size_t kPaths = 1'000'000;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COPPER_SANITIZED  // they keep what was freed
#endif
#endif
#ifdef COPPER_SANITIZED
constexpr size_t kMostMemory = 1'000'000'000;
#else
constexpr size_t kMostMemory = 100'000'000;
#endif

std::string PathOf(size_t i, uint64_t random) {
  char path[128];
  const int length =
      std::snprintf(path, sizeof path,
                    "/env/lib/python3.11/site-packages/package_%04zu/subpackage_%02zu/internal/implementation/"
                    "m%04zx_%06zu.py",
                    i / 1000, i / 50 % 20, static_cast<size_t>(random % 65536), i);
  return {path, static_cast<size_t>(length)};
}

Profile ManyPaths() {
  Profile profile;
  profile.paths_full = true;
  std::mt19937_64 random(7);
  std::vector<std::string> paths;
  for (size_t i = 0; i < kPaths; ++i) paths.push_back(PathOf(i, random()));
  std::ranges::sort(paths);
  for (const std::string& path : paths) {
    const uint64_t events = 1 + random() % 64;
    profile.paths.Append(path, {.kind = random() % 8 == 0 ? PathKind::kAbsent : PathKind::kFile,
                                .events = events,
                                .hits = events - 1,
                                .misses = 1,
                                .bytes = random() % 100'000});
  }
  return profile;
}

// The most resident memory so far, in bytes; counted from now on.
void ForgetPeak() {
  std::ofstream("/proc/self/clear_refs") << 5;
}
size_t Peak() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    size_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

// Of the processor, not of the wall: this machine may be busy.
class Stopwatch {
 public:
  double Seconds() const { return static_cast<double>(std::clock() - began_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t began_ = std::clock();
};

TEST(ProfileFile, OfAMillionPathsIsSmallAndQuick) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("copper_tables.h5");
  const Profile profile = ManyPaths();
  ForgetPeak();
  const size_t before = Peak();
  const Stopwatch writing;
  ASSERT_TRUE(WritePathTable(file, profile));
  const double written = writing.Seconds();
  const size_t more = Peak() - before;
  const Stopwatch reading;
  const Result<Profile> read = ReadProfile(file);
  const double seconds = reading.Seconds();
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(read->paths.rows(), kPaths);
  const auto size = std::filesystem::file_size(file);
  std::cout << "path of " << PathOf(1, 1).size() << " bytes; file " << size << " bytes, written in " << written
            << " s with " << more << " bytes of memory beside, read in " << seconds << " s\n";
  EXPECT_LT(size, 20'000'000U);
  EXPECT_LT(written, 20) << "it takes two seconds where it is optimised";
  EXPECT_LT(seconds, 20);
  EXPECT_LT(more, kMostMemory) << "blocks and the compressed file, not the paths";
}

}  // namespace
}  // namespace copper::profile
