#include "copper/job/roll_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copper/job/status_report.h"
#include "network.h"

namespace copper::job {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Json Collect(Network& network, Rank rank) {
  Json collected;
  network[rank].roll_call.CollectStatus([&](Json status) { collected = std::move(status); });
  network.RunAll();
  return collected;
}

TEST(RollCallUnmounted, EndsTheJobWhenAllAreGone) {
  Network network(3);
  network[2].roll_call.TellUnmounted();
  network[0].roll_call.TellUnmounted();
  network[2].roll_call.TellUnmounted();
  network.RunAll();
  EXPECT_THAT(network.Gone(), IsEmpty());
  network[1].roll_call.TellUnmounted();
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(0, 1, 2));
  EXPECT_EQ(network[1].begun[0].first, StopReason::kUnmounted);
}

TEST(RollCallUnmounted, CountsTheLostWhoeverHasToEndTheJob) {
  Network network(4);
  network.Lose(0);
  for (Rank rank = 2; rank < 4; ++rank) network[rank].roll_call.TellUnmounted();
  network.RunAll();
  network[1].losses.Note(0, true);
  network[1].roll_call.TellUnmounted();
  network.RunAll();
  EXPECT_THAT(network.Gone(), ElementsAre(1, 2, 3));
}

TEST(RollCallStatus, CollectsEveryRankOnce) {
  Network network(7);
  const Json status = Collect(network, 0);
  EXPECT_EQ(status["ranks"].size(), 7U);
  EXPECT_EQ(status["totals"]["ranks"], 7);
  EXPECT_EQ(status["totals"]["requests"]["total"], 70);
  EXPECT_TRUE(status["totals"]["unreachable"].empty());
}

TEST(RollCallStatus, NamesTheLostAndAsksThoseBelow) {
  Network network(7);
  network.Lose(2);
  const Json status = Collect(network, 0);
  EXPECT_EQ(status["totals"]["ranks"], 6);
  EXPECT_EQ(status["totals"]["unreachable"], Json::array({2}));
  EXPECT_TRUE(network[0].losses.Contains(2));
}

TEST(RollCallStatus, AsksThoseBelowARankThatFallsSilentMeanwhile) {
  Network network(7);
  Json status;
  network[0].roll_call.CollectStatus([&](Json collected) { status = std::move(collected); });
  network.Freeze(2);  // it has said that it is there
  network.RunAll();
  network.Pass(10);
  ASSERT_FALSE(status.is_null());
  EXPECT_EQ(status["totals"]["ranks"], 6);
  EXPECT_EQ(status["totals"]["unreachable"], Json::array({2}));
}

TEST(RollCallStatus, WithoutRankZeroAnotherCollects) {
  Network network(7);
  network.Lose(0);
  network.Lose(1);
  const Json status = Collect(network, 3);
  EXPECT_EQ(status["totals"]["ranks"], 5);
  EXPECT_EQ(status["ranks"].size(), 5U);
  EXPECT_EQ(status["totals"]["unreachable"], Json::array({0, 1}));
}

TEST(RollCallStatus, AnyRankCollectsEveryRankOnce) {
  Network network(7);
  const Json status = Collect(network, 4);
  EXPECT_EQ(status["totals"]["ranks"], 7);
  EXPECT_EQ(status["ranks"].size(), 7U);
}

TEST(RollCallStatus, OneRankAlone) {
  Network network(1);
  EXPECT_EQ(Collect(network, 0)["totals"]["ranks"], 1);
}

TEST(RollCall, DoesNotKnowOtherRequests) {
  Network network(2);
  int error = 0;
  rpc::Request request;
  request.kind = rpc::Kind::kSeek;
  network.Deliver(0, 1, request, kNever, [&](Result<rpc::Reply> reply) { error = reply ? reply->error : -1; });
  EXPECT_EQ(error, ENOSYS);
}

}  // namespace
}  // namespace copper::job
