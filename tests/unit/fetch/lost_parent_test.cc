// A parent that is lost or silent: everybody gets right bytes or the source's errno, in time, from the next that it may
// ask or from the source, and goes back to the parent when it answers again.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "copper/base/chunk_size.h"
#include "copper/fetch/fetcher.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Await;
using fakes::Fate;
using fakes::MemoryStore;
using fakes::TestJob;
using fakes::TestNode;
using profile::Event;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = MemoryStore::Kind;

// A chain: rank 0 is the root of everything, 1 its child, 2 the leaf.
constexpr Rank kRoot = 0, kInner = 1, kLeaf = 2;
// A second until the silence is noticed, another for the probe, and the steps of the clock.
constexpr Duration kNoticed = milliseconds(2500);
// And of one after the other, where both of the leaf's ancestors are silent.
constexpr Duration kBothNoticed = 2 * kNoticed;

std::string RandomText(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

class LostParentTest : public testing::Test {
 protected:
  TestJob job_{3, {}, 1, 1};

  MemoryStore& store() { return job_.store(); }
  TestNode& leaf() { return job_.node(kLeaf); }
  File FileAt(const std::string& path) { return {path, store().Peek(path).version()}; }

  // From now on nothing reaches this rank, and nothing comes from it.
  void Silence(Rank rank) {
    job_.fabric().SetFilter([this, rank](Rank from, Rank to) {
      if (to == rank) ++unheard_;
      return from == rank || to == rank ? Fate::kDrop : Fate::kDeliver;
    });
  }
  void EndSilence() { job_.fabric().SetFilter(nullptr); }

  // Runs `call` while time passes.
  template <class Call>
  auto Run(Call call) {
    auto answer = std::async(std::launch::async, call);
    return job_.PassUntil(answer, passed_);
  }
  Result<uint64_t> Seek(const File& file, uint64_t offset, int whence) {
    return Await<uint64_t>([&](auto done) { leaf().fetcher().Seek(file, offset, whence, std::move(done)); });
  }
  // Nobody above the leaf answers it.
  void Isolate() { Silence(kLeaf); }
  // The leaf knows that its parent is lost (isolated: every ancestor) when this returns.
  void Lose(Rank rank) {
    store().AddFile("/lost/file", "x");
    Silence(rank);
    ASSERT_TRUE(Run([&] { return leaf().ReadWhole("/lost/file"); }));
    store().ResetCounts();
  }

  // Their listing has several pieces.
  static constexpr size_t kNames = 30000;
  void AddManyNames() {
    store().AddDirectory("/many");
    for (size_t i = 0; i < kNames; ++i) store().AddFile("/many/a_name_of_some_length_" + std::to_string(i), "x");
  }

  Duration passed_{};
  std::atomic<int> unheard_{0};
};

TEST_F(LostParentTest, ASilentParentIsNoticedInTwoSecondsAndThenCostsNothing) {
  const std::string content = RandomText(3 * kChunkSize + 5, 1);
  store().AddFile("/d/a", content);
  store().AddFile("/e/b", content);
  Silence(kInner);
  EXPECT_EQ(Run([&] { return leaf().ReadWhole("/d/a"); }).value_or(""), content);
  EXPECT_LE(passed_, kNoticed);
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 1u);
  EXPECT_EQ(leaf().ReadWhole("/e/b").value_or(""), content) << "without waiting for anything";
  EXPECT_EQ(store().counts("/e/b").reads, 4u);
}

// What is lost between them costs the source nothing.
TEST_F(LostParentTest, TheNextAncestorIsAskedForEverything) {
  const std::string content = RandomText(2 * kChunkSize, 8);
  store().AddFile("/d/f", content);
  store().AddFile("/e/g", "content");
  Silence(kInner);
  const auto found = Run([&] { return leaf().Look("/d/f"); });
  ASSERT_TRUE(found) << found.error().Describe();
  EXPECT_LE(passed_, kNoticed);
  EXPECT_EQ(leaf().Look("/d/absent")->attributes, nullptr);
  EXPECT_EQ(leaf().List("/e")->listing->size(), 1u);
  EXPECT_EQ(leaf().ReadWhole("/d/f").value_or(""), content);
  EXPECT_EQ(Seek(FileAt("/e/g"), 2, SEEK_HOLE).value_or(99), 7u);
  EXPECT_EQ(job_.node(kRoot).ReadWhole("/d/f").value_or(""), content);
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), 0u);
  EXPECT_EQ(store().counts("/d/f").reads, 2u);
  EXPECT_EQ(store().counts("/d").lists, 1u);
}

TEST_F(LostParentTest, NamesComeFromTheSource) {
  store().AddFile("/d/f", "content");
  Isolate();
  const auto found = Run([&] { return leaf().Look("/d/f"); });
  ASSERT_TRUE(found) << found.error().Describe();
  EXPECT_EQ(found->attributes->version(), FileAt("/d/f").version);
  EXPECT_LE(passed_, kBothNoticed);
  EXPECT_EQ(leaf().Look("/d/absent")->attributes, nullptr);
}

TEST_F(LostParentTest, ANameThatIsAskedForByItselfComesFromTheSource) {
  store().AddFile("/d/f", "content");
  store().SetAnswersAbsence("/d", false);
  ASSERT_TRUE(leaf().List("/d"));
  Isolate();
  const auto found = Run([&] { return leaf().Look("/d/absent"); });
  ASSERT_TRUE(found) << found.error().Describe();
  EXPECT_EQ(found->attributes, nullptr);
  EXPECT_LE(passed_, kBothNoticed);
}

TEST_F(LostParentTest, ListingsComeFromTheSource) {
  store().AddFile("/d/f", "content");
  Isolate();
  const auto listed = Run([&] { return leaf().List("/d"); });
  ASSERT_TRUE(listed) << listed.error().Describe();
  EXPECT_EQ(listed->listing->size(), 1u);
  EXPECT_LE(passed_, kBothNoticed);
}

TEST_F(LostParentTest, TheFurtherPiecesOfAListingComeFromTheNextAncestor) {
  AddManyNames();
  std::atomic<int> replies{0};
  job_.fabric().SetFilter([&](Rank from, Rank to) {
    if (from == kInner && to == kLeaf) return replies++ == 0 ? Fate::kDeliver : Fate::kDrop;
    return Fate::kDeliver;
  });
  const auto listed = Run([&] { return leaf().List("/many"); });
  ASSERT_TRUE(listed) << listed.error().Describe();
  EXPECT_EQ(listed->listing->size(), kNames);
  EXPECT_GT(replies, 2);
  EXPECT_EQ(store().counts("/many").lists, 1u);
  EndSilence();
}

TEST_F(LostParentTest, AListingWhoseFurtherPiecesDoNotComeIsReadWhole) {
  AddManyNames();
  std::atomic<int> replies{0};
  job_.fabric().SetFilter([&](Rank /*from*/, Rank to) {
    if (to == kLeaf) return replies++ == 0 ? Fate::kDeliver : Fate::kDrop;
    return Fate::kDeliver;
  });
  const auto listed = Run([&] { return leaf().List("/many"); });
  ASSERT_TRUE(listed) << listed.error().Describe();
  EXPECT_EQ(listed->listing->size(), kNames);
  EXPECT_GT(replies, 2);
  EXPECT_EQ(store().counts("/many").lists, 2u) << "by the root, and once by the leaf";
  EndSilence();
}

TEST_F(LostParentTest, ChunksComeFromTheSource) {
  const std::string content = RandomText(2 * kChunkSize, 2);
  store().AddFile("/f", content);
  Isolate();
  EXPECT_EQ(Run([&] { return leaf().Read(FileAt("/f"), 0, content.size()); }).value_or(""), content);
  EXPECT_LE(passed_, kBothNoticed);
  EXPECT_EQ(leaf().Read(FileAt("/f"), 0, content.size()).value_or(""), content);
  EXPECT_EQ(store().counts("/f").reads, 2u) << "what a detour reads is kept";
}

TEST_F(LostParentTest, SeeksGoToTheSource) {
  store().AddFile("/f", "content");
  Isolate();
  EXPECT_EQ(Run([&] { return Seek(FileAt("/f"), 2, SEEK_HOLE); }).value_or(99), 7u);
  EXPECT_LE(passed_, kBothNoticed);
}

TEST_F(LostParentTest, WithoutAConnectionNoTimeIsLostAtAll) {
  store().AddFile("/d/f", "content");
  job_.fabric().Disconnect(kInner);
  EXPECT_EQ(leaf().ReadWhole("/d/f").value_or(""), "content");
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 1u);
}

TEST_F(LostParentTest, BelowASilentRootOneRankReadsForAllBelowIt) {
  const std::string content = RandomText(3 * kChunkSize + 5, 3);
  store().AddFile("/d/f", content);
  Silence(kRoot);
  EXPECT_EQ(Run([&] { return leaf().ReadWhole("/d/f"); }).value_or(""), content);
  EXPECT_LE(passed_, kNoticed);
  EXPECT_EQ(job_.node(kInner).ReadWhole("/d/f").value_or(""), content);
  EXPECT_EQ(store().counts("/d/f").reads, 4u);
  EXPECT_EQ(store().counts("/d").lists, 1u);
  EXPECT_EQ(job_.node(kInner).counters().Get(Event::kLostParents), 1u);
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 0u) << "its own parent was slow, not silent";
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), 0u);
}

// Rank 1 takes the root's place for all: its own children first, then for rank 2, which has lost the root as well.
TEST(LostRootTest, AnOrphanThatComesLaterFindsWhatWasReadInTheRootsPlace) {
  TestJob job(7, {}, 2, 1);
  const std::string content = RandomText(2 * kChunkSize, 9);
  job.store().AddFile("/d/f", content);
  job.fabric().Disconnect(0);
  for (const Rank rank : {1U, 3U, 4U}) EXPECT_EQ(job.node(rank).ReadWhole("/d/f").value_or(""), content);
  const File file{"/d/f", job.store().Peek("/d/f").version()};
  job.node(1).fetcher().NoteDelivered(file, 0, content.size());
  EXPECT_EQ(job.node(2).ReadWhole("/d/f").value_or(""), content);
  EXPECT_EQ(job.store().counts("/d/f").reads, 2u);
}

TEST_F(LostParentTest, TheParentIsAskedAgainWhenItAnswersAProbe) {
  std::vector<std::pair<Rank, bool>> told;  // by the progress thread, before what the test waits for
  leaf().fetcher().SetLossListener([&](Rank rank, bool lost) { told.emplace_back(rank, lost); });
  Lose(kInner);
  EndSilence();
  job_.Pass(seconds(1));
  EXPECT_EQ(told, (std::vector<std::pair<Rank, bool>>{{kInner, true}, {kInner, false}}));
  store().AddFile("/d/f", "content");
  const uint64_t detours = leaf().counters().Get(Event::kDetours);
  EXPECT_EQ(job_.node(kInner).ReadWhole("/d/f").value_or(""), "content");
  EXPECT_EQ(leaf().ReadWhole("/d/f").value_or(""), "content");
  EXPECT_EQ(store().counts("/d/f").reads, 1u);
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), detours);
}

TEST_F(LostParentTest, AnIdleNodeStopsProbingAndBeginsAgainWhenItIsAsked) {
  Lose(kInner);
  job_.Pass(seconds(60), seconds(1));
  const int before = unheard_;
  job_.Pass(seconds(30), seconds(1));
  EXPECT_EQ(unheard_, before);
  EXPECT_FALSE(leaf().fetcher().OnTick(job_.clock().Now())) << "it needs no ticks";
  EndSilence();
  store().AddFile("/d/f", "content");
  EXPECT_EQ(leaf().ReadWhole("/d/f").value_or(""), "content");
  job_.Pass(milliseconds(500));
  const uint64_t requests = leaf().counters().Get(Event::kRequestsToParent);
  store().AddFile("/e/f", "content");
  EXPECT_EQ(leaf().ReadWhole("/e/f").value_or(""), "content");
  EXPECT_GT(leaf().counters().Get(Event::kRequestsToParent), requests);
}

TEST_F(LostParentTest, DetoursAreBoundedByTheirShareOfTheSource) {
  const std::string content = RandomText(6 * kChunkSize, 4);
  store().AddFile("/f", content);
  Lose(kLeaf);
  store().Block(Kind::kRead, "/f");
  auto answer = std::async(std::launch::async, [&] { return leaf().Read(FileAt("/f"), 0, content.size()); });
  ASSERT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/f", TestNode::kDetourThreads));
  job_.Pass(seconds(1));
  EXPECT_EQ(store().counts("/f").reads, TestNode::kDetourThreads);
  store().Release(Kind::kRead, "/f");
  EXPECT_EQ(answer.get().value_or(""), content);
  EXPECT_EQ(store().counts("/f").reads, 6u);
}

TEST_F(LostParentTest, TheSourcesErrnoComesThroughADetour) {
  store().AddFile("/d/f", "content");
  Lose(kLeaf);
  for (const int error : {EIO, EACCES, EMFILE}) {
    store().FailNext(Kind::kRead, "/d/f", 1, error);
    EXPECT_EQ(leaf().Read(FileAt("/d/f"), 0, 7).error().code, error);
  }
  EXPECT_EQ(leaf().Read(FileAt("/d/f"), 0, 7).value_or(""), "content");
  EXPECT_EQ(leaf().List("/absent").error().code, ENOENT);
}

TEST_F(LostParentTest, AChangedFileIsStaleOnADetourToo) {
  store().AddFile("/f", RandomText(2 * kChunkSize, 5));
  const File file = FileAt("/f");
  ASSERT_TRUE(leaf().Read(file, 0, 10));
  Lose(kLeaf);
  store().Replace("/f", RandomText(2 * kChunkSize, 6));
  EXPECT_EQ(leaf().Read(file, kChunkSize, 10).error().code, ESTALE);
}

TEST_F(LostParentTest, AParentsErrnoIsAnAnswer) {
  store().AddFile("/f", "content");
  store().FailNext(Kind::kRead, "/f", 1, EIO);
  EXPECT_EQ(leaf().Read(FileAt("/f"), 0, 7).error().code, EIO);
  EXPECT_EQ(store().counts("/f").reads, 1u);
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), 0u);
}

// The parent is there, as its probes say; what is missing is its reply.
TEST_F(LostParentTest, WhatTheParentDoesNotKnowAnyMoreIsAskedAgain) {
  store().AddFile("/f", "content");
  std::atomic<int> replies{0};
  job_.fabric().SetFilter([&](Rank from, Rank to) {
    return from == kInner && to == kLeaf && replies++ == 0 ? Fate::kDrop : Fate::kDeliver;
  });
  EXPECT_EQ(Run([&] { return leaf().Read(FileAt("/f"), 0, 7); }).value_or(""), "content");
  EXPECT_LE(passed_, kNoticed);
  EXPECT_EQ(store().counts("/f").reads, 1u);
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), 0u);
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 0u);
  EndSilence();
}

TEST_F(LostParentTest, WhatTheParentDoesNotKnowTwiceIsAskedOfTheNext) {
  store().AddFile("/f", "content");
  std::atomic<int> messages{0};  // of the parent: a reply, what it says to the probe, and the same again
  std::atomic<int> of_the_next{0};
  job_.fabric().SetFilter([&](Rank from, Rank to) {
    if (from == kRoot && to == kLeaf) ++of_the_next;
    return from == kInner && to == kLeaf && messages++ % 2 == 0 ? Fate::kDrop : Fate::kDeliver;
  });
  EXPECT_EQ(Run([&] { return leaf().Read(FileAt("/f"), 0, 7); }).value_or(""), "content");
  EXPECT_EQ(of_the_next, 1);
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 0u);
  EndSilence();
}

// Ends with every rank and every file having been read right, whoever was silent meanwhile.
TEST_F(LostParentTest, SilencesThatComeAndGoUnderLoadLeaveNothingBehind) {
  std::vector<std::string> contents;
  for (unsigned i = 0; i < 40; ++i) {
    contents.push_back(RandomText(2 * kChunkSize + i, i));
    store().AddFile("/load" + std::to_string(i % 4) + "/f" + std::to_string(i), contents.back());
  }
  const auto read_all = [&](Rank rank) {
    size_t right = 0;
    for (unsigned i = 0; i < contents.size(); ++i) {
      const std::string path = "/load" + std::to_string(i % 4) + "/f" + std::to_string(i);
      right += job_.node(rank).ReadWhole(path).value_or("") == contents[i] ? 1 : 0;
    }
    return right;
  };
  std::vector<std::future<size_t>> readers;
  for (const Rank rank : {kRoot, kInner, kLeaf, kLeaf, kInner}) {
    readers.push_back(std::async(std::launch::async, read_all, rank));
  }
  for (const Rank silent : {kInner, kRoot, kLeaf, kInner}) {
    Silence(silent);
    job_.Pass(seconds(3));
    EndSilence();
    job_.Pass(seconds(1));
  }
  for (std::future<size_t>& reader : readers) EXPECT_EQ(job_.PassUntil(reader, passed_), contents.size());
}

TEST_F(LostParentTest, WhatTheParentHasTooMuchOfIsAskedOfTheNextAndTheParentIsKept) {
  // All that it takes of this rank is taken up by requests that nobody here knows of.
  constexpr uint64_t kMost = 2 * 8 * 64;
  store().AddFile("/slow", "slow");
  store().AddFile("/f", "content");
  store().Block(Kind::kRead, "/slow");
  for (uint64_t request = 0; request < kMost; ++request) {
    leaf().channel().Call(kInner, {.kind = rpc::Kind::kRead, .path = "/slow", .version = FileAt("/slow").version},
                          job_.clock().Now() + std::chrono::hours(1), [](const Result<rpc::Reply>&) {});
    if (request % 64 == 63) {
      while (job_.node(kInner).counters().Get(Event::kRequestsFromChildren) <= request) std::this_thread::yield();
      leaf().channel().GiveUp(kInner);
    }
  }
  EXPECT_EQ(leaf().Read(FileAt("/f"), 0, 7).value_or(""), "content");
  EXPECT_EQ(job_.node(kInner).channel().counters().refused, 1u);
  EXPECT_EQ(leaf().counters().Get(Event::kDetours), 0u);
  EXPECT_EQ(leaf().counters().Get(Event::kLostParents), 0u);
  store().Release(Kind::kRead, "/slow");
}

}  // namespace
}  // namespace copper::fetch
