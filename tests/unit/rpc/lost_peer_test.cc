// A peer that does not answer: the probe that finds out, and what becomes of the requests that wait for it.
#include "fixture.h"

namespace copper::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

using LostPeerTest = ChannelTest;

const Request kPingRequest{.kind = Kind::kPing};

TEST_F(LostPeerTest, APingIsAnsweredWithoutTheHandler) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll();
  EXPECT_EQ(Ask(0, 1, kPingRequest).Error(), 0);
  EXPECT_EQ(inbox.size(), 0U);
}

TEST_F(LostPeerTest, APingNeedsNoCreditAndOvertakesWhatWaitsForOne) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  Outcome under_way = Ask(0, 1);
  Outcome waiting = Ask(0, 1);
  EXPECT_EQ(Ask(0, 1, kPingRequest).Error(), 0);
  EXPECT_EQ(Ask(0, 1, kPingRequest).Error(), 0);
  EXPECT_FALSE(under_way.IsThere());
  inbox.Take(1)[0].respond({});
  inbox.Take(1)[0].respond({});
  EXPECT_EQ(under_way.Error(), 0);
  EXPECT_EQ(waiting.Error(), 0);
}

TEST_F(LostPeerTest, APingIsAnsweredByARankThatRefusesRequests) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  for (uint32_t id = 0; id < 16; ++id) {
    Inject(1, {.origin = 0, .request_id = uint64_t{1} << 32 | (1000 + id)}, BytesOf("/a"), job_);
  }
  EXPECT_EQ(Ask(0, 1).Error(), EAGAIN);
  EXPECT_EQ(Ask(0, 1, kPingRequest).Error(), 0);
}

TEST_F(LostPeerTest, APingToASilentRankEndsAtItsDeadline) {
  StartAll();
  fabric_.SetFilter([](Rank, Rank to) { return to == 1 ? fakes::Fate::kDrop : fakes::Fate::kDeliver; });
  Outcome ping = Ask(0, 1, kPingRequest, seconds(1));
  clock_.Advance(seconds(1));
  EXPECT_EQ(ping.Error(), ETIMEDOUT);
}

// --- What a ping says of the requests that it names.

class InquiryTest : public ChannelTest {
 protected:
  int Inquire(Duration age = seconds(1)) {
    Outcome ping;
    channel(0).Inquire(1, age, clock_.Now() + kLong, ping.Done());
    return ping.Error();
  }
  Inbox inbox_;
};

TEST_F(InquiryTest, WhatTheOtherWorksOnIsWaitedFor) {
  handlers_[1].SetScript(inbox_.Script());
  StartAll();
  Outcome slow = Ask(0, 1);
  auto items = inbox_.Take(1);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Inquire(), 0);
  EXPECT_FALSE(slow.IsThere());
  items[0].respond({});
  EXPECT_EQ(slow.Error(), 0);
}

TEST_F(InquiryTest, ARequestThatWasLostEnds) {
  StartAll();
  fabric_.SetFilter([](Rank, Rank) { return fakes::Fate::kDrop; });
  Outcome lost = Ask(0, 1);
  fabric_.SetFilter(nullptr);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Inquire(), 0);
  EXPECT_EQ(lost.Error(), ENOMSG);
  EXPECT_EQ(channel(0).counters().unknown, 1U);
}

TEST_F(InquiryTest, ARequestWhoseReplyWasLostEnds) {
  StartAll();
  fabric_.SetFilter(
      [](Rank from, Rank to) { return from == 1 && to == 0 ? fakes::Fate::kDrop : fakes::Fate::kDeliver; });
  Outcome lost = Ask(0, 1);
  Settle(1);  // it has answered
  fabric_.SetFilter(nullptr);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Inquire(), 0);
  EXPECT_EQ(lost.Error(), ENOMSG);
}

TEST_F(InquiryTest, WhatIsYoungIsNotAskedAfter) {
  StartAll();
  fabric_.SetFilter([](Rank, Rank) { return fakes::Fate::kDrop; });
  Outcome young = Ask(0, 1);
  fabric_.SetFilter(nullptr);
  clock_.Advance(milliseconds(999));
  EXPECT_EQ(Inquire(), 0);
  EXPECT_FALSE(young.IsThere());
}

// A source that stalls must not hold up what is read elsewhere.
TEST_F(InquiryTest, WhatTheOtherWorksOnHoldsNoCredit) {
  handlers_[1].SetScript(inbox_.Script());
  StartAll(1);
  Outcome slow = Ask(0, 1, "/slow");
  Outcome quick = Ask(0, 1, "/quick");
  auto items = inbox_.Take(1);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Inquire(), 0);
  inbox_.Take(1)[0].respond({});
  EXPECT_EQ(quick.Error(), 0);
  EXPECT_FALSE(slow.IsThere());
}

TEST_F(InquiryTest, AMalformedListOfRequestsIsDropped) {
  StartAll();
  Inject(1, {.kind = Kind::kPing, .origin = 0, .request_id = uint64_t{1} << 32 | 1000}, BytesOf("seven.."), job_);
  Settle(1);
  EXPECT_EQ(channel(1).counters().rejected_unparsable, 1U);
}

TEST_F(InquiryTest, ARequestThatComesTwiceIsServedOnce) {
  handlers_[1].SetScript(inbox_.Script());
  StartAll();
  for (int i = 0; i < 2; ++i) Inject(1, {.origin = 0, .request_id = uint64_t{1} << 32 | 1000}, BytesOf("/a"), job_);
  Inject(1, {.origin = 0, .request_id = uint64_t{1} << 32 | 1001}, BytesOf("/b"), job_);
  auto items = inbox_.Take(2);
  EXPECT_EQ(items[1].request.path, "/b");
}

TEST_F(LostPeerTest, GivingUpEndsEverythingThatIsPendingThere) {
  StartAll(1);
  fabric_.SetFilter([](Rank, Rank to) { return to == 1 ? fakes::Fate::kHold : fakes::Fate::kDeliver; });
  Outcome under_way = Ask(0, 1, "/a");
  Outcome waiting = Ask(0, 1, "/b");
  channel(0).GiveUp(1);
  EXPECT_EQ(under_way.Error(), EHOSTDOWN);
  EXPECT_EQ(waiting.Error(), EHOSTDOWN);
  EXPECT_EQ(channel(0).counters().given_up, 2U);
}

TEST_F(LostPeerTest, GivingUpOneRankLeavesTheOthersAlone) {
  Inbox inbox;
  handlers_[2].SetScript(inbox.Script());
  StartAll();
  Outcome elsewhere = Ask(0, 2);
  auto items = inbox.Take(1);
  channel(0).GiveUp(1);
  channel(0).GiveUp(kRanks);
  items[0].respond({});
  EXPECT_EQ(elsewhere.Error(), 0);
}

TEST_F(LostPeerTest, ARankThatWasGivenUpCanBeAskedAgainAndItsLateReplyIsDropped) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  Outcome given_up = Ask(0, 1, "/a");
  auto late = inbox.Take(1);
  channel(0).GiveUp(1);
  EXPECT_EQ(given_up.Error(), EHOSTDOWN);
  Outcome again = Ask(0, 1, "/b");
  late[0].respond({.argument = 1});
  inbox.Take(1)[0].respond({.argument = 2});
  const Result<Reply> reply = again.Get();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->argument, 2U);
  EXPECT_EQ(channel(0).counters().late_replies, 1U);
}

// As fetch does: what was given up is asked elsewhere, or there again, at once.
TEST_F(LostPeerTest, ACallbackMayAskAgainAndGiveUpAgain) {
  StartAll();
  fabric_.SetFilter([](Rank, Rank to) { return to == 1 ? fakes::Fate::kDrop : fakes::Fate::kDeliver; });
  Outcome elsewhere;
  Outcome there;
  channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, [&](const Result<Reply>&) {
    channel(0).Call(2, {.path = "/a"}, clock_.Now() + kLong, elsewhere.Done());
    channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, there.Done());
    channel(0).GiveUp(1);
  });
  channel(0).GiveUp(1);
  EXPECT_EQ(elsewhere.Error(), 0);
  EXPECT_EQ(there.Error(), EHOSTDOWN);
}

}  // namespace
}  // namespace copper::rpc
