#include "copper/job/deputy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "job/first_ranks.h"
#include "network.h"

namespace copper::job {
namespace {

using testing::ElementsAre;

// What a deputy does every half a minute.
void Look(Network& network, Rank rank) {
  network[rank].deputy->Look();
  network.RunAll();
}

// All that live; who acts then.
std::vector<Rank> Acting(Network& network, uint32_t ranks, const std::set<Rank>& lost) {
  std::vector<Rank> acting;
  for (const Rank rank : FirstRanks(ranks)) {
    if (lost.contains(rank)) continue;
    Look(network, rank);
    if (network[rank].deputy->IsActing()) acting.push_back(rank);
  }
  return acting;
}

TEST(FirstRanks, AreRankZeroAndAtMostLogNOthersFarFromEachOther) {
  EXPECT_THAT(FirstRanks(1), ElementsAre(0));
  EXPECT_THAT(FirstRanks(2), ElementsAre(0, 1));
  EXPECT_THAT(FirstRanks(3), ElementsAre(0, 2));
  EXPECT_THAT(FirstRanks(4), ElementsAre(0, 1, 3));
  EXPECT_THAT(FirstRanks(8), ElementsAre(0, 1, 4, 7));
  EXPECT_THAT(FirstRanks(16), ElementsAre(0, 3, 7, 11, 15));
  for (uint32_t ranks = 1; ranks < 20'000; ranks += 1 + ranks / 7) {
    const std::vector<Rank> firsts = FirstRanks(ranks);
    ASSERT_LE(firsts.size(), 1 + std::log2(ranks)) << ranks;
    for (size_t i = 1; i < firsts.size(); ++i) ASSERT_LT(firsts[i - 1], firsts[i]) << ranks;
    ASSERT_LT(firsts.back(), ranks);
  }
}

TEST(Deputy, RankZeroActsFromTheBeginning) {
  Network network(4);
  EXPECT_TRUE(network[0].deputy->IsActing());
  Look(network, 0);
  EXPECT_TRUE(network[0].deputy->IsActing());
}

TEST(Deputy, OtherRanksHaveNone) {
  Network network(8);
  for (const Rank rank : {2U, 3U, 5U, 6U}) EXPECT_EQ(network[rank].deputy, nullptr) << rank;
  for (Rank rank = 0; rank < 8; ++rank) EXPECT_EQ(Deputy::IsFirst(rank, 8), network[rank].deputy != nullptr) << rank;
}

TEST(Deputy, TheOthersDoNotWhileItLives) {
  Network network(16);
  EXPECT_THAT(Acting(network, 16, {}), ElementsAre(0));
}

TEST(Deputy, TheNextOneTakesOver) {
  Network network(8);
  network.Lose(0);
  EXPECT_THAT(Acting(network, 8, {0}), ElementsAre(1));
  EXPECT_EQ(network[1].took_over, 1);
  EXPECT_TRUE(network[1].losses.Contains(0));
}

TEST(Deputy, WithoutTheRanksAroundRankZeroOneThatIsFarTakesOver) {
  for (const auto& [ranks, expected] : {std::pair{8U, 4U}, {16U, 7U}, {128U, 17U}}) {
    Network network(ranks);
    const std::set<Rank> lost{0, 1, 2, 3};
    for (const Rank rank : lost) network.Lose(rank);
    EXPECT_THAT(Acting(network, ranks, lost), ElementsAre(expected));
  }
}

TEST(Deputy, TheLastOneOverAllLostRanks) {
  Network network(8);
  const std::set<Rank> lost{0, 1, 2, 3, 4, 5, 6};
  for (const Rank rank : lost) network.Lose(rank);
  EXPECT_THAT(Acting(network, 8, lost), ElementsAre(7));
}

TEST(Deputy, NotWhileOneFurtherBeforeItLives) {
  Network network(8);
  network.Lose(1);
  network.Lose(4);
  EXPECT_THAT(Acting(network, 8, {1, 4}), ElementsAre(0));
}

TEST(Deputy, StepsDownForARankThatIsBack) {
  Network network(4);
  network.Lose(0);
  Look(network, 1);
  network.Return(0);
  Look(network, 1);
  EXPECT_FALSE(network[1].deputy->IsActing());
  EXPECT_FALSE(network[1].losses.Contains(0));
}

}  // namespace
}  // namespace copper::job
