#include "copper/bootstrap/mpi_world.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "in_ranks.h"

namespace copper::bootstrap {
namespace {

TimePoint In(Duration time) {
  return SteadyClock().Now() + time;
}

TEST_F(InsideMpi, HasThreeRanks) {
  EXPECT_EQ(world_->size(), 3U);
  EXPECT_LT(world_->rank(), 3U);
}

TEST_F(InsideMpi, AllGatherBringsStringsOfAnyLength) {
  const std::string mine(world_->rank() * 100'000, static_cast<char>('a' + world_->rank()));
  const std::vector<std::string> all = world_->AllGather(mine);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], "");
  EXPECT_EQ(all[1], std::string(100'000, 'b'));
  EXPECT_EQ(all[2], std::string(200'000, 'c'));
}

TEST_F(InsideMpi, AllGatherOfNothing) {
  EXPECT_EQ(world_->AllGather(""), std::vector<std::string>(3));
}

TEST_F(InsideMpi, BroadcastGivesAllWhatRankZeroHas) {
  EXPECT_EQ(world_->Broadcast(0, "from " + std::to_string(world_->rank())), "from 0");
}

TEST_F(InsideMpi, AnyRankMayBroadcast) {
  EXPECT_EQ(world_->Broadcast(2, "from " + std::to_string(world_->rank())), "from 2");
}

TEST_F(InsideMpi, TheLeastIsThatOfAll) {
  EXPECT_EQ(world_->Least(7 - world_->rank()), 5U);
}

TEST_F(InsideMpi, AgreeOnSuccess) {
  EXPECT_TRUE(world_->Agree({}, "host"));
}

TEST_F(InsideMpi, AgreeOnTheFirstFailure) {
  const Status mine = world_->rank() == 0 ? Status() : Fail(ENOENT, "no " + std::to_string(world_->rank()));
  const Status agreed = world_->Agree(mine, "node" + std::to_string(world_->rank()));
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, ENOENT);
  EXPECT_EQ(agreed.error().message, "no 1 (rank 1 on host node1)");
}

// Whoever does not come is not waited for. A suite of its own, since MPI can't be left in good order after it.
class InsideLostMpi : public InsideMpi {};

TEST_F(InsideLostMpi, BarrierComesBackWithoutTheMissing) {
  std::signal(SIGUSR1, SIG_IGN);  // how the launcher tells of a rank that did not finalize
  EXPECT_TRUE(world_->Barrier(In(std::chrono::seconds(20))));
  const std::string marker = world_->Broadcast(0, "/tmp/copper_barrier_" + std::to_string(getpid()));
  if (world_->rank() == 2) {
    while (access(marker.c_str(), F_OK) != 0) usleep(1000);  // ends when rank 0 has given up
    EXPECT_EQ(rmdir(marker.c_str()), 0);
    return world_->Abandon();
  }
  const Status barrier = world_->Barrier(In(std::chrono::milliseconds(100)));
  ASSERT_FALSE(barrier);
  EXPECT_EQ(barrier.error().code, ETIMEDOUT);
  const Status again = world_->Barrier(In(std::chrono::seconds(20)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ESHUTDOWN);
  EXPECT_TRUE(world_->rank() != 0 || mkdir(marker.c_str(), 0700) == 0);
}

TEST(ThreeRanks, ShareAWorld) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(3, RunInRanks(3, "InsideMpi"));
}

TEST(ThreeRanks, DoNotWaitForALostOne) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(3, RunInRanks(3, "InsideLostMpi", "-disable-auto-cleanup"));
}

}  // namespace
}  // namespace copper::bootstrap
