#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "copper/bootstrap/launcher.h"

namespace copper::bootstrap {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// The variables of a launcher, for the length of a test; those of the launcher that runs the tests are put aside.
class Launcher : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kNames) {
      if (const char* value = std::getenv(name)) before_[name] = value;
      unsetenv(name);
    }
  }
  void TearDown() override {
    for (const char* name : kNames) unsetenv(name);
    for (const auto& [name, value] : before_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  static constexpr const char* kNames[] = {"PMI_RANK",
                                           "PMI_SIZE",
                                           "PALS_RANKID",
                                           "PALS_SIZE",
                                           "SLURM_PROCID",
                                           "SLURM_NTASKS",
                                           "SLURM_STEP_NUM_TASKS",
                                           "MPI_LOCALRANKID",
                                           "MPI_LOCALNRANKS",
                                           "OMPI_COMM_WORLD_RANK",
                                           "OMPI_COMM_WORLD_SIZE"};
  std::map<std::string, std::string> before_;
};

TEST_F(Launcher, NoneMeansTheOnlyProcess) {
  const LauncherView view = ReadLauncherEnvironment();
  EXPECT_FALSE(view.rank);
  EXPECT_FALSE(view.size);
  EXPECT_TRUE(view.IsFirst());
}

TEST_F(Launcher, EachKindIsKnown) {
  const std::pair<const char*, const char*> kinds[] = {{"PMI_RANK", "PMI_SIZE"},
                                                       {"PALS_RANKID", "PALS_SIZE"},
                                                       {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                       {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
                                                       {"MPI_LOCALRANKID", "MPI_LOCALNRANKS"}};
  for (const auto& [rank, size] : kinds) {
    setenv(rank, "3", 1);
    setenv(size, "8", 1);
    const LauncherView view = ReadLauncherEnvironment();
    EXPECT_EQ(view.rank, 3U) << rank;
    EXPECT_EQ(view.size, 8U) << size;
    EXPECT_FALSE(view.IsFirst());
    unsetenv(rank);
    unsetenv(size);
  }
}

TEST_F(Launcher, AnAllocationIsNoStep) {
  setenv("SLURM_PROCID", "0", 1);
  setenv("SLURM_NTASKS", "64", 1);
  EXPECT_FALSE(ReadLauncherEnvironment().size);
}

TEST_F(Launcher, TheInnermostOneCounts) {
  setenv("SLURM_PROCID", "1", 1);
  setenv("SLURM_STEP_NUM_TASKS", "2", 1);
  setenv("PMI_RANK", "5", 1);
  setenv("PMI_SIZE", "16", 1);
  EXPECT_EQ(ReadLauncherEnvironment().rank, 5U);
  EXPECT_EQ(ReadLauncherEnvironment().size, 16U);
}

TEST_F(Launcher, NonsenseIsNotBelieved) {
  setenv("PMI_RANK", "one", 1);
  setenv("PMI_SIZE", "8", 1);
  EXPECT_FALSE(ReadLauncherEnvironment().size);
  setenv("PMI_RANK", "8", 1);
  EXPECT_FALSE(ReadLauncherEnvironment().size);
}

TEST(CheckWorld, RefusesEightTimesRankZeroOfOne) {
  const Status checked = CheckWorld({.rank = 3, .size = 8}, 1, "MPICH 4");
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, EINVAL);
  EXPECT_THAT(checked.error().message,
              AllOf(HasSubstr("rank 0 of 1"), HasSubstr("started 8 processes"), HasSubstr("MPICH 4")));
}

TEST(CheckWorld, AcceptsWhatFits) {
  EXPECT_TRUE(CheckWorld({}, 1, ""));
  EXPECT_TRUE(CheckWorld({.rank = 0, .size = 1}, 1, ""));
  EXPECT_TRUE(CheckWorld({.rank = 3, .size = 8}, 8, ""));
}

}  // namespace
}  // namespace copper::bootstrap
