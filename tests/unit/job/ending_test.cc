#include "copper/job/ending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "job/first_ranks.h"
#include "network.h"

namespace copper::job {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Longer than any rank waits.
constexpr int kLongS = 60;

TEST(Ending, AllThereAndWhole) {
  Network network(7);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.Conductors(), ElementsAre(0));
  EXPECT_THAT(network[6].begun, ElementsAre(std::pair(StopReason::kRequest, Rank{0})));
  EXPECT_THAT(network[0].end->lost, IsEmpty());
  EXPECT_EQ(network[0].end->served, (Served{.requests = 28, .from_source = 127})) << "by all, each once";
  EXPECT_EQ(network[1].end->served, (Served{.requests = 2 + 4 + 5, .from_source = 2 + 8 + 16}))
      << "by it and those below";
}

TEST(Ending, NobodyGoesBeforeTheLastHasLeft) {
  Network network(7);
  network[5].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Begun(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.Gone(), IsEmpty());
  network[5].ending.Left();
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(Ending, AnyRankMayAsk) {
  Network network(7);
  network[4].ending.Request(StopReason::kIoctl);
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network[5].begun, ElementsAre(std::pair(StopReason::kIoctl, Rank{4})));
}

TEST(Ending, AllAskAtOnce) {
  Network network(7);
  for (Rank rank = 0; rank < 7; ++rank) network[rank].ending.Request(StopReason::kSignal);
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.Conductors(), ElementsAre(0));
}

TEST(Ending, OneRankAlone) {
  Network network(1);
  network[0].ending.Request(StopReason::kSignal);
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0));
}

TEST(Ending, AroundALostInnerRank) {
  Network network(7);
  network.Lose(1);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(0, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.GoneWhole(), IsEmpty());
  EXPECT_THAT(network[0].end->lost, ElementsAre(1));
  EXPECT_EQ(network[0].end->served.from_source, 127U - 2U);
}

TEST(Ending, AroundARankThatIsKnownToBeLost) {
  Network network(15);
  network.Lose(1);
  network.Lose(3);
  network[0].losses.Note(1, true);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14));
  EXPECT_THAT(network[0].end->lost, ElementsAre(1, 3));
}

TEST(Ending, ARankThatWasWronglyBelievedLostLeavesWithTheOthers) {
  Network network(7);
  network[0].losses.Note(1, true);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.GoneWhole(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(Ending, ALossThatALeafKnowsOfReachesTheConductor) {
  Network network(15);
  network.Lose(14);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network[0].end->lost, ElementsAre(14));
  EXPECT_EQ(network.Gone().size(), 14U);
}

TEST(Ending, WithoutRankZeroTheNextOneConducts) {
  Network network(7);
  network.Lose(0);
  network[4].ending.Request(StopReason::kSignal);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.Conductors(), ElementsAre(2)) << "the first deputy";
  EXPECT_THAT(network[2].end->lost, ElementsAre(0));
}

TEST(Ending, WithoutAnyOfTheFirstRanksWhoeverIsAskedConducts) {
  Network network(15);
  for (const Rank lost : FirstRanks(15)) network.Lose(lost);
  network[8].ending.Request(StopReason::kSignal);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13));
  EXPECT_THAT(network.Conductors(), ElementsAre(8));
}

TEST(Ending, TwoConductorsAtOnce) {
  Network network(7);
  network[1].ending.Conduct(StopReason::kRequest, 1);
  network[0].ending.Conduct(StopReason::kSignal, 0);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(Ending, ARankThatHangsInItsUnmountIsGivenUp) {
  Network network(7);
  network[5].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Gone(), IsEmpty());
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.GoneWhole(), IsEmpty());
  EXPECT_THAT(network[0].end->lost, ElementsAre(5));
  EXPECT_FALSE(network[4].end->alone) << "one that hangs does not leave the others alone";
}

TEST(Ending, TheOrdererDiesBeforeTheReport) {
  Network network(7);
  for (Rank rank = 1; rank < 7; ++rank) network[rank].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  network.Lose(1);
  for (Rank rank = 2; rank < 7; ++rank) network[rank].ending.Left();
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), ElementsAre(0, 2, 3, 4, 5, 6));
  EXPECT_THAT(network[0].end->lost, ElementsAre(1));
  EXPECT_FALSE(network[3].end->alone) << "it reported to the conductor";
}

TEST(Ending, TheConductorDies) {
  Network network(7);
  for (Rank rank = 1; rank < 7; ++rank) network[rank].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  network.Lose(0);
  for (Rank rank = 1; rank < 7; ++rank) network[rank].ending.Left();
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.GoneWhole(), IsEmpty());
  EXPECT_TRUE(network[1].end->alone);
}

TEST(Ending, NoWordComesAfterTheReport) {
  Network network(3);
  network[2].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  network.Lose(0);
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), ElementsAre(1, 2));
  EXPECT_TRUE(network[1].end->alone);
}

TEST(Ending, AfterADeathNobodyUsesMpi) {
  Network network(7);
  network[6].losses.NoteDeath();
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network.GoneWhole(), IsEmpty());
}

TEST(Ending, ARankThatWasFrozenEndsLate) {
  Network network(7);
  network.Lose(1);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  for (const Rank gone : {0U, 2U, 3U, 4U, 5U, 6U}) network.Lose(gone);
  network.Return(1);
  network[1].ending.Request(StopReason::kSignal);
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_FALSE(network[1].end->whole);
}

TEST(Ending, EachRankGoesOnce) {
  Network network(3);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  for (Rank rank = 0; rank < 3; ++rank) network[rank].end.reset();
  network[1].ending.Request(StopReason::kSignal);
  network[0].ending.Conduct(StopReason::kSignal, 1);
  network.Pass(kLongS);
  EXPECT_THAT(network.Gone(), IsEmpty());
}

TEST(Ending, ThroughLostRanksInADeepTree) {
  Network network(63);
  for (const Rank lost : {1U, 3U, 7U, 30U, 6U}) network.Lose(lost);
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  EXPECT_EQ(network.Gone().size(), 58U);
  EXPECT_THAT(network[0].end->lost, ElementsAre(1, 3, 6, 7, 30));
}

// Seconds until all that are not frozen have gone, 100 at most.
int SecondsToTheEnd(Network& network, size_t living) {
  network.RunAll();
  int seconds = 0;
  while (network.Gone().size() < living && seconds < 100) {
    network.Pass(1);
    ++seconds;
  }
  return seconds;
}

// Of the 30 s that the end has, what the last words may need is left.
constexpr int kWithinS = 25;

TEST(Ending, FrozenRanksOnManyLevelsCostNoTimePerLevel) {
  Network network(40, /*fanout=*/1);
  std::vector<Rank> frozen{3, 9, 21, 22, 30};
  for (Rank rank = 11; rank < 19; ++rank) frozen.push_back(rank);
  for (const Rank rank : frozen) network.Freeze(rank);
  network[0].ending.Request(StopReason::kRequest);
  EXPECT_LE(SecondsToTheEnd(network, 40 - frozen.size()), 20);
  EXPECT_EQ(network[0].end->lost.size(), frozen.size());
  for (const Rank rank : network.Gone()) EXPECT_FALSE(network[rank].end->alone) << rank;
}

TEST(Ending, EveryOtherRankOfADeepTreeIsFrozen) {
  Network network(64, /*fanout=*/1);
  for (Rank rank = 1; rank < 64; rank += 2) network.Freeze(rank);
  network[0].ending.Request(StopReason::kRequest);
  EXPECT_LE(SecondsToTheEnd(network, 32), 20);
  for (const Rank rank : network.Gone()) EXPECT_FALSE(network[rank].end->alone) << rank;
}

TEST(Ending, FrozenWhileTheyLeave) {
  Network network(40, /*fanout=*/1);
  for (const Rank rank : {5U, 12U, 13U, 28U}) network[rank].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  network.RunAll();
  for (const Rank rank : {5U, 12U, 13U, 28U}) network.Freeze(rank);
  EXPECT_LE(SecondsToTheEnd(network, 36), 10) << "who has taken its order is asked whether it is there";
  EXPECT_FALSE(network[39].end->alone) << "the word comes past its frozen superior";
}

TEST(Ending, RanksThatHangOnEveryLevelOfADeepTree) {
  Network network(40, /*fanout=*/1);
  for (Rank rank = 10; rank < 40; rank += 3) network[rank].unmounts = false;
  network[0].ending.Request(StopReason::kRequest);
  EXPECT_LE(SecondsToTheEnd(network, 40), kWithinS);
  EXPECT_FALSE(network[1].end->alone);
}

TEST(Ending, AllFirstRanksFrozenWhileAllAreToldToEnd) {
  Network network(1000);
  const std::vector<Rank> firsts = FirstRanks(1000);
  const std::set<Rank> frozen(firsts.begin(), std::prev(firsts.end()));
  for (const Rank rank : frozen) network.Freeze(rank);
  for (Rank rank = 0; rank < 1000; ++rank) {
    if (network.Lives(rank)) network[rank].ending.Request(StopReason::kSignal);
  }
  EXPECT_LE(SecondsToTheEnd(network, 1000 - frozen.size()), 15);
  EXPECT_THAT(network.Conductors(), ElementsAre(firsts.back()));
}

TEST(Ending, AConductorWhoseLoopHangsKeepsNobodyElse) {
  Network network(15);
  network.HangInLoop(0);
  network[4].ending.Request(StopReason::kIoctl);
  EXPECT_LE(SecondsToTheEnd(network, 14), kWithinS);
}

TEST(Ending, TheBudgetBeginsWhenSomebodyIsAsked) {
  Network network(16, /*fanout=*/1);
  network.Freeze(0);
  network[15].unmounts = false;
  network[8].ending.Request(StopReason::kIoctl);
  EXPECT_LE(SecondsToTheEnd(network, 15), kWithinS);
  EXPECT_THAT(network.Gone(), testing::Not(testing::Contains(0)));
}

}  // namespace
}  // namespace copper::job
