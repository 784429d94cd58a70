// How many requests one rank may have at another, and what happens to the rest.
#include <algorithm>
#include <atomic>
#include <thread>

#include "fixture.h"

namespace copper::rpc {
namespace {

using std::chrono::seconds;

using CreditsTest = ChannelTest;

TEST_F(CreditsTest, AThousandCallsNeverExceedThem) {
  constexpr uint16_t kCredits = 8;
  std::atomic<int> at_server{0};
  std::atomic<int> most{0};
  Inbox inbox;
  handlers_[1].SetScript([&](Rank from, Request request, TimePoint deadline, Responder respond) {
    most = std::max<int>(most, ++at_server);
    inbox.Script()(from, std::move(request), deadline, std::move(respond));
  });
  StartAll(kCredits);
  constexpr int kCalls = 1000;
  std::vector<Outcome> outcomes(kCalls);
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int i = t; i < kCalls; i += 4) channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, outcomes[i].Done());
    });
  }
  for (int answered = 0; answered < kCalls;) {
    for (Inbox::Item& item : inbox.Take(1)) {
      --at_server;
      item.respond({});
      ++answered;
    }
  }
  for (std::thread& caller : callers) caller.join();
  for (Outcome& outcome : outcomes) ASSERT_EQ(outcome.Error(), 0);
  EXPECT_LE(most, kCredits);
  EXPECT_EQ(channel(1).counters().refused, 0U);
}

TEST_F(CreditsTest, WhatWaitsGoesInTurn) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 5; ++i) outcomes.push_back(Ask(0, 1, "/" + std::to_string(i)));
  for (int i = 0; i < 5; ++i) {
    auto items = inbox.Take(1);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].request.path, "/" + std::to_string(i));
    items[0].respond({});
    EXPECT_EQ(outcomes[static_cast<size_t>(i)].Error(), 0);
  }
}

TEST_F(CreditsTest, DeadlinesRunWhileWaiting) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(1);
  Outcome under_way = Ask(0, 1);
  Outcome waiting = Ask(0, 1, "/b", seconds(1));
  auto items = inbox.Take(1);
  clock_.Advance(seconds(1));
  EXPECT_EQ(waiting.Error(), ETIMEDOUT);
  items[0].respond({});
  EXPECT_EQ(under_way.Error(), 0);
  EXPECT_EQ(channel(0).counters().sent, 1U);
}

TEST_F(CreditsTest, ALostRequestGivesItsCreditBack) {
  StartAll(1);
  fabric_.SetFilter([](Rank, Rank) { return fakes::Fate::kDrop; });
  Outcome lost = Ask(0, 1, "/a", seconds(1));
  Outcome waiting = Ask(0, 1, "/b");
  fabric_.SetFilter(nullptr);
  clock_.Advance(seconds(1));
  EXPECT_EQ(lost.Error(), ETIMEDOUT);
  EXPECT_EQ(waiting.Error(), 0);
}

// A peer that takes what it likes is told so, and costs no memory beyond twice what it may have, parked ones included.
TEST_F(CreditsTest, BeyondTwiceThemIsRefused) {
  Inbox inbox;
  handlers_[1].SetScript(inbox.Script());
  StartAll(2);
  for (uint32_t id = 0; id < 38; ++id) {
    Inject(1, {.origin = 0, .request_id = uint64_t{1} << 32 | (1000 + id)}, BytesOf("/a"), job_);
  }
  Settle(0);
  auto items = inbox.Take(32);
  EXPECT_EQ(items.size(), 32U);
  EXPECT_EQ(Ask(0, 1).Error(), EAGAIN);
  EXPECT_EQ(channel(1).counters().refused, 7U);
  items[0].respond({});
  Outcome accepted = Ask(0, 1);
  inbox.Take(1)[0].respond({.argument = 5});
  EXPECT_EQ(accepted.Get()->argument, 5U);
}

}  // namespace
}  // namespace copper::rpc
