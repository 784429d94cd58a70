#include "app/deputy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network.h"

namespace copper::app {
namespace {

void Look(Network& network, Rank rank) {
  network[rank].deputy.Look();
  network.RunAll();
}

TEST(Deputy, RankZeroActsFromTheBeginning) {
  Network network(4);
  Look(network, 0);
  EXPECT_TRUE(network[0].deputy.IsActing());
}

TEST(Deputy, TheOthersDoNotWhileItLives) {
  Network network(4);
  for (Rank rank = 1; rank < 4; ++rank) {
    Look(network, rank);
    EXPECT_FALSE(network[rank].deputy.IsActing()) << rank;
  }
}

TEST(Deputy, TheNextOneTakesOver) {
  Network network(4);
  network.Lose(0);
  for (Rank rank = 1; rank < 4; ++rank) Look(network, rank);
  EXPECT_TRUE(network[1].deputy.IsActing());
  EXPECT_EQ(network[1].took_over, 1);
  EXPECT_FALSE(network[2].deputy.IsActing());
  EXPECT_FALSE(network[3].deputy.IsActing());
  EXPECT_TRUE(network[1].losses.Contains(0));
}

TEST(Deputy, TheLastOneOverAllLostRanks) {
  Network network(8);
  for (const Rank lost : {0U, 1U, 2U}) network.Lose(lost);
  Look(network, 3);
  EXPECT_TRUE(network[3].deputy.IsActing());
}

TEST(Deputy, NotWhileARankFurtherBelowLives) {
  Network network(4);
  network.Lose(1);
  network.Lose(2);
  Look(network, 3);
  EXPECT_FALSE(network[3].deputy.IsActing());
}

TEST(Deputy, StepsDownForARankThatIsBack) {
  Network network(4);
  network.Lose(0);
  Look(network, 1);
  network.Return(0);
  Look(network, 1);
  EXPECT_FALSE(network[1].deputy.IsActing());
  EXPECT_FALSE(network[1].losses.Contains(0));
}

}  // namespace
}  // namespace copper::app
