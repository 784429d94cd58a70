#include "copper/bootstrap/world_reducer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "copper/profile/profile_file.h"
#include "fakes/random_profile.h"
#include "in_ranks.h"
#include "in_threads.h"

namespace copper::bootstrap {
namespace {

using fakes::RandomProfile;
using fakes::TablesOf;
using profile::Profile;

TimePoint Soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(30);
}

class InsideReduction : public InsideMpi {
 protected:
  static Profile OwnOf(Rank rank) {
    return RandomProfile(rank, {.rank = rank, .ranks = world_->size(), .paths = 3'000 + 100 * rank, .top_n = 2});
  }
};

// Written, reduced, and read: what was counted, whatever the number of ranks.
TEST_F(InsideReduction, IsWhatAllRanksHaveCounted) {
  std::optional<Profile> profile = OwnOf(world_->rank());
  ASSERT_TRUE(WorldReducer(*world_).Reduce(profile, Soon()));
  ASSERT_EQ(profile.has_value(), world_->rank() == 0);
  if (!profile) return;
  Profile expected = OwnOf(0);
  for (Rank rank = 1; rank < world_->size(); ++rank) Merge(expected, OwnOf(rank));
  EXPECT_EQ(TablesOf(*profile), TablesOf(expected));
  std::string directory = "/tmp/copper_reduction_XXXXXX";
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string file = directory + "/profile.h5";
  ASSERT_TRUE(profile::WriteProfile(file, *profile));
  const Result<Profile> read = profile::ReadProfile(file);
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(TablesOf(*read), TablesOf(expected));
  EXPECT_EQ(unlink(file.c_str()) + rmdir(directory.c_str()), 0);
}

class InsideLostReduction : public InsideReduction {};

TEST_F(InsideLostReduction, ARankThatDoesNotComeLeavesEachOtherItsOwn) {
  std::signal(SIGUSR1, SIG_IGN);  // how the launcher tells of a rank that did not finalize
  const std::string marker = world_->Broadcast(0, "/tmp/copper_lost_reduction_" + std::to_string(getpid()));
  const Rank rank = world_->rank();
  if (rank == 2) {
    while (access(marker.c_str(), F_OK) != 0) usleep(1000);  // ends when rank 0 has given up
    EXPECT_EQ(rmdir(marker.c_str()), 0);
    return world_->Abandon();
  }
  std::optional<Profile> profile = OwnOf(rank);
  const Status reduced =
      WorldReducer(*world_).Reduce(profile, std::chrono::steady_clock::now() + std::chrono::milliseconds(300));
  ASSERT_FALSE(reduced);
  EXPECT_EQ(reduced.error().code, ETIMEDOUT);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(TablesOf(*profile), TablesOf(OwnOf(rank)));
  EXPECT_TRUE(rank != 0 || mkdir(marker.c_str(), 0700) == 0);
}

TEST(WorldReducer, WithoutMpiToo) {
  constexpr uint32_t kRanks = 6;
  const auto own = [](Rank rank) {
    return RandomProfile(rank, {.rank = rank, .ranks = kRanks, .paths = 500, .top_n = 2});
  };
  InThreads(kRanks, [&](World& world) {
    std::optional<Profile> profile = own(world.rank());
    EXPECT_TRUE(WorldReducer(world).Reduce(profile, Soon()));
    ASSERT_EQ(profile.has_value(), world.rank() == 0);
    if (!profile) return;
    Profile expected = own(0);
    for (Rank rank = 1; rank < kRanks; ++rank) Merge(expected, own(rank));
    EXPECT_EQ(TablesOf(*profile), TablesOf(expected));
  });
}

class WorldReducerTest : public testing::TestWithParam<int> {};

TEST_P(WorldReducerTest, IsWhatAllRanksHaveCounted) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(GetParam(), RunInRanks(GetParam(), "InsideReduction"));
}
INSTANTIATE_TEST_SUITE_P(Ranks, WorldReducerTest, testing::Values(1, 2, 3, 8));

TEST(WorldReducer, WithoutOneThatDoesNotCome) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(3, RunInRanks(3, "InsideLostReduction", "-disable-auto-cleanup"));
}

}  // namespace
}  // namespace copper::bootstrap
