// The window of requests to one peer, without a fabric.
#include "rpc/peer.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::rpc {
namespace {

using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours(1)};

class PeerTest : public testing::Test {
 protected:
  void Add(TimePoint deadline = kNever) { peer_.Add({{}, {}, deadline, {}}); }
  // Sends as much as may be sent.
  std::vector<uint64_t> Send() {
    std::vector<uint64_t> ids;
    if (!peer_.ClaimSending()) return ids;
    while (const auto next = peer_.NextToSend(kNow)) ids.push_back(next->header.request_id);
    return ids;
  }

  Peer peer_{7, 3};
};

TEST_F(PeerTest, IdsNameTheRankThatIsAsked) {
  Add();
  Add();
  const auto ids = Send();
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_NE(ids[0], ids[1]);
  for (const uint64_t id : ids) EXPECT_EQ(AskedRank(id), 7U);
}

TEST_F(PeerTest, TheWindowFollowsTheLastReply) {
  for (int i = 0; i < 20; ++i) Add();
  auto ids = Send();
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_TRUE(peer_.Finish(ids[0], 1));
  EXPECT_TRUE(Send().empty());
  EXPECT_TRUE(peer_.Finish(ids[1], 1));
  EXPECT_TRUE(Send().empty());
  EXPECT_TRUE(peer_.Finish(ids[2], 5));
  ids = Send();
  EXPECT_EQ(ids.size(), 5U);
  for (const uint64_t id : ids) EXPECT_TRUE(peer_.Finish(id, 0));
  EXPECT_EQ(Send().size(), 1U);  // never below one
}

TEST_F(PeerTest, FinishKnowsOnlyWhatIsUnderWay) {
  Add();
  EXPECT_FALSE(peer_.Finish(uint64_t{7} << 32));  // waits still
  const auto ids = Send();
  EXPECT_TRUE(peer_.Finish(ids[0]));
  EXPECT_FALSE(peer_.Finish(ids[0]));
}

TEST_F(PeerTest, AnUnknownReplyBringsNoCredits) {
  for (int i = 0; i < 10; ++i) Add();
  EXPECT_FALSE(peer_.Finish(12345, 100));
  EXPECT_EQ(Send().size(), 3U);
}

TEST_F(PeerTest, ExpiryTakesWhatIsDueWhereverItIs) {
  const TimePoint now{};
  for (int i = 0; i < 6; ++i) Add(i % 2 == 0 ? now : now + seconds(1));
  EXPECT_EQ(Send().size(), 3U);
  EXPECT_EQ(peer_.TakeExpired(now).size(), 3U);
  EXPECT_EQ(Send().size(), 2U);
  EXPECT_EQ(peer_.TakeAll().size(), 3U);
  EXPECT_TRUE(Send().empty());
}

// A source that stalls takes no credits from what can be had elsewhere.
TEST_F(PeerTest, WhatThePeerWorksOnHoldsNoCredit) {
  for (int i = 0; i < 100; ++i) Add();
  size_t sent = 0;
  for (auto ids = Send(); !ids.empty(); ids = Send()) {
    sent += ids.size();
    for (const uint64_t id : ids) {
      peer_.Park(id);
      peer_.Park(id);
    }
  }
  EXPECT_EQ(sent, 3 * kMostPerCredit) << "but there is an end to it";
  EXPECT_EQ(peer_.SentBy(kNow).size(), sent);
  EXPECT_TRUE(peer_.Finish(peer_.SentBy(kNow)[0]));
  EXPECT_EQ(Send().size(), 1U);
  EXPECT_EQ(peer_.TakeAll().size(), 99U);
}

TEST_F(PeerTest, PingsAndOrdersAreNotAskedAfter) {
  for (const Kind kind : {Kind::kLook, Kind::kPing, Kind::kStop}) {
    Pending pending{{}, {}, kNever, {}};
    pending.header.kind = kind;
    peer_.Add(std::move(pending));
  }
  EXPECT_EQ(Send().size(), 3U);
  EXPECT_EQ(peer_.SentBy(kNow).size(), 1U);
  EXPECT_TRUE(peer_.SentBy(kNow - std::chrono::nanoseconds(1)).empty());
}

TEST_F(PeerTest, KnowsWhatIsServed) {
  using enum Peer::Admission;
  EXPECT_EQ(peer_.BeginServing(1, 2), kTaken);
  EXPECT_EQ(peer_.BeginServing(1, 2), kKnown);
  EXPECT_EQ(peer_.BeginServing(9, 2), kTaken);
  EXPECT_EQ(peer_.BeginServing(3, 2), kFull);
  EXPECT_EQ(peer_.AreServed({3, 1, 0, 0, 0, 0, 0, 0, 9}), (std::vector<std::byte>{std::byte{2}, std::byte{1}}));
  peer_.EndServing(1);
  EXPECT_EQ(peer_.AreServed({1}), (std::vector<std::byte>{std::byte{0}}));
}

TEST_F(PeerTest, OneThreadSends) {
  Add();
  ASSERT_TRUE(peer_.ClaimSending());
  EXPECT_FALSE(peer_.ClaimSending());
  EXPECT_TRUE(peer_.NextToSend(kNow));
  Add();  // by a thread that could not claim: left to the first
  EXPECT_TRUE(peer_.NextToSend(kNow));
  EXPECT_FALSE(peer_.NextToSend(kNow));
  EXPECT_TRUE(peer_.ClaimSending());
}

}  // namespace
}  // namespace copper::rpc
