// Tests that run in each rank of an mpiexec, which another test of the same program starts. Their suites' names begin
// with "Inside".
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "copper/bootstrap/mpi_world.h"

namespace copper::bootstrap {

inline constexpr const char* kInside = "COPPER_WORLD_TEST_RANKS";
inline bool IsInside() {
  return std::getenv(kInside) != nullptr;
}

// MPI starts once in a process, so all tests of a suite share one world.
class InsideMpi : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!IsInside()) return;
    Result<std::unique_ptr<World>> made = MpiWorld::Init(ReadLauncherEnvironment());
    ASSERT_TRUE(made) << made.error().message;
    world_ = std::move(*made);
  }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override {
    if (!world_) GTEST_SKIP() << "runs under mpiexec, from another test";
  }

  inline static std::unique_ptr<World> world_;
};

// Runs a suite in so many ranks; gives what they print.
inline std::string RunInRanks(int ranks, const std::string& suite, const std::string& launcher_options = "") {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = std::string("env ASAN_OPTIONS=detect_leaks=0 ") + kInside + "=1 timeout 50 mpiexec " +
                              launcher_options + " -n " + std::to_string(ranks) + " " + self + " --gtest_filter='" +
                              suite + ".*' 2>&1";
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) output += line;
  pclose(pipe);
  return output;
}

inline void ExpectPasses(int expected, const std::string& output) {
  int passes = 0;
  for (size_t at = output.find("[  PASSED  ]"); at != std::string::npos; at = output.find("[  PASSED  ]", at + 1))
    ++passes;
  EXPECT_EQ(passes, expected) << output;
  EXPECT_EQ(output.find("FAILED"), std::string::npos) << output;
  EXPECT_EQ(output.find("SKIPPED"), std::string::npos) << output;
}

}  // namespace copper::bootstrap
