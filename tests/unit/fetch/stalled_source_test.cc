// A source that stalls is waited for, as a native client would, whatever the depth of the tree; what is lost is not.
#include <gtest/gtest.h>

#include "copper/fetch/fetcher.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Fate;
using fakes::MemoryStore;
using fakes::TestJob;
using profile::Event;
using std::chrono::seconds;
using Kind = MemoryStore::Kind;

class StalledSource : public testing::Test {
 protected:
  static constexpr uint32_t kRanks = 16;
  static constexpr Duration kStep = std::chrono::milliseconds(500);

  MemoryStore& store() { return job_.store(); }
  fakes::TestNode& last() { return job_.node(kRanks - 1); }
  File FileAt(const std::string& path) { return {path, store().Peek(path).version()}; }

  template <class Call>
  auto Later(Call call) {
    return std::async(std::launch::async, call);
  }
  void ExpectNobodyLost() {
    for (Rank rank = 0; rank < kRanks; ++rank) {
      EXPECT_EQ(job_.node(rank).counters().Get(Event::kLostParents), 0u) << rank;
      EXPECT_EQ(job_.node(rank).counters().Get(Event::kDetours), 0u) << rank;
      if (rank == 0) continue;
      EXPECT_EQ(job_.node(rank).counters().Get(Event::kListsAtSource), 0u) << rank;
      EXPECT_EQ(job_.node(rank).counters().Get(Event::kLooksAtSource), 0u) << rank;
      EXPECT_EQ(job_.node(rank).counters().Get(Event::kReadsAtSource), 0u) << rank;
    }
  }

  // Rank 0 is the root of everything; each other rank asks the one before it.
  TestJob job_{kRanks, {}, 1, 1};
  Duration passed_{};
};

TEST_F(StalledSource, AtAnyDepthTheRootAloneListsAndLooks) {
  for (const char* path : {"/a/f", "/b/f", "/c/f"}) {
    store().AddFile(path, "content");
    EXPECT_EQ(last().ReadWhole(path).value_or(""), "content");
  }
  EXPECT_EQ(store().counts("/a").lists + store().counts("/b").lists + store().counts("/c").lists, 3u);
  ExpectNobodyLost();
}

TEST_F(StalledSource, AReadIsWaitedForAtAnyDepth) {
  store().AddFile("/slow", "content");
  store().Block(Kind::kRead, "/slow");
  auto answer = Later([&] { return last().Read(FileAt("/slow"), 0, 7); });
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/slow", 1));
  job_.Pass(seconds(15), kStep);
  EXPECT_NE(answer.wait_for(seconds(0)), std::future_status::ready);
  store().Release(Kind::kRead, "/slow");
  EXPECT_EQ(answer.get().value_or(""), "content");
  EXPECT_EQ(store().counts("/slow").reads, 1u);
  ExpectNobodyLost();
}

// One entry that hangs while its directory is listed must not hold up the others: they are asked for by name, along the
// same tree, while the listing goes on.
TEST_F(StalledSource, AListingThatStallsLeavesNamesToBeAskedForAtTheRootAlone) {
  store().AddFile("/d/f", "content");
  store().Block(Kind::kList, "/d");
  auto answer = Later([&] { return last().Look("/d/f"); });
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kList, "/d", 1));
  const auto found = job_.PassUntil(answer, passed_);
  ASSERT_TRUE(found) << found.error().Describe();
  EXPECT_NE(found->attributes, nullptr);
  EXPECT_LE(passed_, seconds(2));
  ExpectNobodyLost();
  store().Release(Kind::kList, "/d");
  EXPECT_EQ(last().List("/d")->listing->size(), 1u);
  ExpectNobodyLost();
}

TEST_F(StalledSource, WhatWaitsIsToldOfOnTheWholeWay) {
  store().AddFile("/slow", "content");
  store().Block(Kind::kRead, "/slow");
  auto answer = Later([&] { return last().Read(FileAt("/slow"), 0, 7); });
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/slow", 1));
  job_.Pass(seconds(9), kStep);
  EXPECT_TRUE(last().fetcher().LongWaits(5).empty());
  job_.Pass(seconds(2), kStep);
  const auto at_leaf = last().fetcher().LongWaits(5);
  const auto at_root = job_.node(0).fetcher().LongWaits(5);
  ASSERT_EQ(at_leaf.size(), 1u);
  ASSERT_EQ(at_root.size(), 1u);
  EXPECT_EQ(at_leaf[0].whom, "rank 14");
  EXPECT_EQ(at_root[0].whom, "the source");
  EXPECT_EQ(at_root[0].doing, "reading");
  EXPECT_EQ(at_root[0].path, "/slow");
  EXPECT_EQ(at_root[0].waited, seconds(11));
  store().Release(Kind::kRead, "/slow");
  EXPECT_TRUE(answer.get());
  EXPECT_TRUE(last().fetcher().LongWaits(5).empty());
}

// --- Each waiter has its own time, and shortens nobody's.

class SourceTimeout : public testing::Test {
 protected:
  static constexpr Duration kTimeout = seconds(10);
  SourceTimeout() {
    store().AddFile("/slow", "content");
    store().Block(Kind::kRead, "/slow");
  }
  ~SourceTimeout() override { store().Release(Kind::kRead, "/slow"); }

  MemoryStore& store() { return job_.store(); }
  // Has joined whatever is under way when this returns.
  auto Read(Rank rank) {
    using Pieces = std::vector<Bytes>;
    auto promise = std::make_shared<std::promise<Result<Pieces>>>();
    job_.node(rank).fetcher().Read({"/slow", store().Peek("/slow").version()}, 0, 7,
                                   [promise](Result<Pieces> pieces) { promise->set_value(std::move(pieces)); });
    return promise->get_future();
  }
  // While the leaf reads, another joins, and is waited for when the leaf's time is over.
  void JoinLate(Rank rank) {
    auto first = Read(2);
    ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/slow", 1));
    job_.Pass(kTimeout - seconds(4));
    auto second = Read(rank);
    EXPECT_EQ(job_.PassUntil(first, passed_).error().code, ETIMEDOUT);
    job_.Pass(seconds(3));
    EXPECT_NE(second.wait_for(seconds(0)), std::future_status::ready);
    store().Release(Kind::kRead, "/slow");
    EXPECT_TRUE(job_.PassUntil(second, passed_));
    EXPECT_EQ(store().counts("/slow").reads, 1u);
  }

  TestJob job_{3, {.source_timeout = kTimeout}, 1, 1};
  Duration passed_{};
};

TEST_F(SourceTimeout, TheCallerIsToldWhenItIsOverAndNobodyIsLost) {
  auto answer = Read(2);
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/slow", 1));
  EXPECT_EQ(job_.PassUntil(answer, passed_).error().code, ETIMEDOUT);
  EXPECT_GE(passed_, kTimeout);
  EXPECT_LE(passed_, kTimeout + seconds(2));
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    EXPECT_EQ(job_.node(rank).counters().Get(Event::kLostParents), 0u) << rank;
    EXPECT_EQ(job_.node(rank).counters().Get(Event::kDetours), 0u) << rank;
  }
  EXPECT_EQ(store().counts("/slow").reads, 1u);
}

TEST_F(SourceTimeout, WhoJoinsLateHasItsOwnTime) {
  JoinLate(2);
}
TEST_F(SourceTimeout, WhoJoinsLateAtAParentHasItsOwnTime) {
  JoinLate(1);
}
TEST_F(SourceTimeout, WhoJoinsLateAtTheRootHasItsOwnTime) {
  JoinLate(0);
}

// --- Nobody waits in a circle.

class Circles : public testing::Test {
 protected:
  MemoryStore& store() { return job_.store(); }
  void Silence(Rank rank) {
    job_.fabric().SetFilter(
        [rank](Rank from, Rank to) { return from == rank || to == rank ? Fate::kDrop : Fate::kDeliver; });
  }
  template <class Call>
  auto Run(Call call) {
    auto answer = std::async(std::launch::async, call);
    return job_.PassUntil(answer, passed_);
  }

  // Rank 0 is the root of everything, 1 and 2 are its children, 3 and 4 those of 1, 5 and 6 those of 2.
  TestJob job_{7, {}, 2, 1};
  Duration passed_{};
};

// All orphans of a lost root meet at one: a loss adds no second reader of anything.
TEST_F(Circles, ALostRootIsReplacedByOne) {
  store().AddFile("/d/f", "content");
  Silence(0);
  for (const Rank rank : {Rank{5}, Rank{6}, Rank{2}, Rank{3}, Rank{1}}) {
    EXPECT_EQ(Run([&] { return job_.node(rank).ReadWhole("/d/f"); }).value_or(""), "content") << rank;
  }
  EXPECT_EQ(store().counts("/d/f").reads, 1u);
  EXPECT_EQ(store().counts("/d").lists, 1u);
  EXPECT_EQ(job_.node(1).counters().Get(Event::kReadsAtSource), 1u);
  EXPECT_EQ(job_.node(2).counters().Get(Event::kDetours), 0u);
}

// Whoever is asked in the root's place asks nobody, though it believes that the root is there.
TEST_F(Circles, WhatIsAskedInTheRootsPlaceIsReadThere) {
  store().AddFile("/f", "content");
  std::promise<int> error;
  job_.node(6).channel().Call(
      1, {.kind = rpc::Kind::kRead, .path = "/f", .version = store().Peek("/f").version(), .hops = 1, .as_root = true},
      kNever, [&](const Result<rpc::Reply>& reply) { error.set_value(reply ? reply->error : -1); });
  EXPECT_EQ(error.get_future().get(), 0);
  EXPECT_EQ(job_.node(1).counters().Get(Event::kRequestsToParent), 0u);
  EXPECT_EQ(job_.node(1).counters().Get(Event::kReadsAtSource), 1u);
}

TEST_F(Circles, ARequestThatHasComeTooFarIsRefused) {
  store().AddFile("/f", "content");
  std::promise<int> error;
  job_.node(6).channel().Call(2, {.kind = rpc::Kind::kLook, .path = "/f", .hops = 3}, kNever,
                              [&](const Result<rpc::Reply>& reply) { error.set_value(reply ? reply->error : -1); });
  EXPECT_EQ(error.get_future().get(), ELOOP);
}

}  // namespace
}  // namespace copper::fetch
