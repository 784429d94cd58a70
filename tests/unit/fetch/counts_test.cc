// What is asked for is counted as what it was, once: known sequences, exact counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "copper/base/chunk_size.h"
#include "copper/fetch/fetcher.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Await;
using fakes::MemoryStore;
using fakes::TestJob;
using fakes::TestNode;
using profile::Event;
using profile::Operation;
using std::chrono::seconds;

// Hits, misses, coalesced waits, negative answers and errors: as events of a rank, and of the requests of a kind.
struct Outcomes {
  uint64_t hits = 0, misses = 0, coalesced = 0, negative = 0, errors = 0;
  bool operator==(const Outcomes&) const = default;
};
void PrintTo(const Outcomes& all, std::ostream* out) {
  *out << all.hits << " hits, " << all.misses << " misses, " << all.coalesced << " coalesced, " << all.negative
       << " negative, " << all.errors << " errors";
}

Outcomes EventsOf(TestNode& node) {
  const profile::Counters& counters = node.counters();
  return {counters.Get(Event::kHits), counters.Get(Event::kMisses), counters.Get(Event::kCoalesced),
          counters.Get(Event::kNegative), counters.Get(Event::kErrors)};
}
Outcomes RecordOf(TestNode& node, Operation operation) {
  const profile::OperationUse use = node.Recorded(operation);
  EXPECT_EQ(use.calls, use.hits + use.misses + use.coalesced);
  EXPECT_EQ(use.latency.count(), use.calls);
  return {use.hits, use.misses, use.coalesced, use.negative, use.errors};
}

struct Absences {
  uint64_t stores = 0, serves = 0, expires = 0, clears = 0;
  bool operator==(const Absences&) const = default;
};
void PrintTo(const Absences& all, std::ostream* out) {
  *out << all.stores << " stores, " << all.serves << " serves, " << all.expires << " expires, " << all.clears
       << " clears";
}
Absences AbsencesOf(TestNode& node) {
  const profile::Counters& counters = node.counters();
  return {counters.Get(Event::kTtlStores), counters.Get(Event::kTtlServes), counters.Get(Event::kTtlExpires),
          counters.Get(Event::kTtlClears)};
}

// One rank, or a leaf with its parent: the node that is asked.
class CountsTest : public testing::TestWithParam<uint32_t> {
 protected:
  TestJob job_{GetParam(), {}, 2, 1};  // one tree, whose root is rank 0
  MemoryStore& store() { return job_.store(); }
  TestNode& node() { return job_.node(job_.ranks() - 1); }
  Outcomes Lookups() { return RecordOf(node(), Operation::kLookup); }

  // As fuse asks: with a record that ends at the answer.
  static auto Ending(profile::UsePtr use, auto done) {
    return [use = std::move(use), done = std::move(done)](auto answer) mutable {
      use->End(answer ? 0 : answer.error().code);
      done(std::move(answer));
    };
  }
  void StartLook(const std::string& path, std::move_only_function<void(Result<Found>)> done) {
    const profile::UsePtr use = node().recorder().Begin(Operation::kLookup);
    node().fetcher().Look(
        path,
        [use, done = std::move(done)](const Result<Found>& found) mutable {
          use->End(!found ? found.error().code : found->attributes ? 0 : ENOENT);
          done(found);
        },
        use);
  }
  Result<Found> Look(const std::string& path) {
    return Await<Found>([&](auto done) { StartLook(path, std::move(done)); });
  }
  std::future<Result<Found>> LookLater(const std::string& path) {
    auto promise = std::make_shared<std::promise<Result<Found>>>();
    StartLook(path, [promise](Result<Found> found) { promise->set_value(std::move(found)); });
    return promise->get_future();
  }
  std::future<Result<Listed>> ListLater(const std::string& path) {
    auto promise = std::make_shared<std::promise<Result<Listed>>>();
    node().fetcher().List(path, [promise](Result<Listed> listed) { promise->set_value(std::move(listed)); });
    return promise->get_future();
  }
  Status List(const std::string& path) {
    const profile::UsePtr use = node().recorder().Begin(Operation::kReaddir);
    const auto listed =
        Await<Listed>([&](auto done) { node().fetcher().List(path, Ending(use, std::move(done)), use); });
    return listed ? Status() : std::unexpected(listed.error());
  }
  void Read(const std::string& path, uint64_t offset, size_t size) {
    const profile::UsePtr use = node().recorder().Begin(Operation::kRead);
    const File file{path, store().Peek(path).version()};
    static_cast<void>(Await<std::vector<Bytes>>(
        [&](auto done) { node().fetcher().Read(file, offset, size, Ending(use, std::move(done)), use); }));
  }
};
INSTANTIATE_TEST_SUITE_P(Ranks, CountsTest, testing::Values(1, 2), testing::PrintToStringParamName());

TEST_P(CountsTest, ALookupThatWaitsForAListingIsOneMiss) {
  store().AddFile("/site/a.py", "a");
  ASSERT_TRUE(Look("/site/a.py"));
  EXPECT_EQ(Lookups(), Outcomes({.misses = 1}));
  EXPECT_EQ(EventsOf(node()), Outcomes({.misses = 1}));
  ASSERT_TRUE(Look("/site/a.py"));
  ASSERT_TRUE(Look("/site/absent"));
  EXPECT_EQ(Lookups(), Outcomes({.hits = 2, .misses = 1, .negative = 1}));
  EXPECT_EQ(EventsOf(node()), Lookups());
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 1, .serves = 1})) << "the listing, and one name that it lacks";
}

TEST_P(CountsTest, ALookupThatMustAskByNameAfterItsListingIsOneMissToo) {
  store().AddDirectory("/secret", 0300);  // can't be listed
  store().AddFile("/secret/a", "a");
  ASSERT_TRUE(Look("/secret/a"));
  EXPECT_EQ(Lookups(), Outcomes({.misses = 1}));
  EXPECT_EQ(EventsOf(node()), Outcomes({.misses = 1}));
  ASSERT_TRUE(Look("/secret/absent"));
  ASSERT_TRUE(Look("/secret/absent"));
  EXPECT_EQ(Lookups(), Outcomes({.hits = 1, .misses = 2, .negative = 2}));
  EXPECT_EQ(EventsOf(node()), Lookups());
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 1, .serves = 1}));
}

TEST_P(CountsTest, WhoWaitsForAnothersListingIsCoalesced) {
  store().AddFile("/site/a", "a");
  store().Block(MemoryStore::Kind::kList, "/site");
  auto first = LookLater("/site/a");
  auto second = LookLater("/site/a");
  auto third = LookLater("/site/absent");
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kList, "/site", 1));
  store().Release(MemoryStore::Kind::kList, "/site");
  for (auto* look : {&first, &second, &third}) ASSERT_TRUE(look->get());
  EXPECT_EQ(Lookups(), Outcomes({.misses = 1, .coalesced = 2, .negative = 1}));
  EXPECT_EQ(EventsOf(node()), Lookups());
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 1})) << "who waited for a new listing was served by no old one";
}

TEST_P(CountsTest, OneListingIsForThoseWhoWantANameAndForThoseWhoWantAll) {
  store().AddFile("/site/a", "a");
  store().Block(MemoryStore::Kind::kList, "/site");
  auto look = LookLater("/site/a");
  auto list = ListLater("/site");
  auto late = LookLater("/site/absent");
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kList, "/site", 1));
  store().Release(MemoryStore::Kind::kList, "/site");
  EXPECT_TRUE(look.get());
  EXPECT_TRUE(late.get());
  EXPECT_EQ(list.get()->listing->size(), 1u);
  EXPECT_EQ(store().counts("/site").lists, 1u);
}

TEST_P(CountsTest, OneLookRenewsAListingForAllWhoWantIt) {
  store().AddFile("/site/a", "a");
  ASSERT_TRUE(List("/site"));
  job_.clock().Advance(seconds(3));
  store().ResetCounts();
  store().Block(MemoryStore::Kind::kLook, "/site");
  auto list = ListLater("/site");
  auto look = LookLater("/site/absent");
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kLook, "/site", 1));
  store().Release(MemoryStore::Kind::kLook, "/site");
  EXPECT_TRUE(look.get());
  EXPECT_TRUE(list.get());
  EXPECT_EQ(store().counts("/site").looks, 1u);
  EXPECT_EQ(store().counts("/site").lists, 0u);
}

// What is too much for a lookup is not for who waited for the lookup's listing.
TEST(Counts, AHugeDirectoryIsListedForWhoWantsAllOfIt) {
  TestJob job(1, {.lookup_list_limit = 2});
  for (const char* name : {"/site/a", "/site/b", "/site/c"}) job.store().AddFile(name, "x");
  job.store().Block(MemoryStore::Kind::kList, "/site");
  std::promise<Result<Found>> looked;
  std::promise<Result<Listed>> listed;
  job.node(0).fetcher().Look("/site/a", [&](Result<Found> found) { looked.set_value(std::move(found)); });
  job.node(0).fetcher().List("/site", [&](Result<Listed> all) { listed.set_value(std::move(all)); });
  ASSERT_TRUE(job.store().WaitUntilBlocked(MemoryStore::Kind::kList, "/site", 1));
  job.store().Release(MemoryStore::Kind::kList, "/site");
  EXPECT_TRUE(looked.get_future().get());
  const Result<Listed> all = listed.get_future().get();
  ASSERT_TRUE(all) << all.error().Describe();
  EXPECT_EQ(all->listing->size(), 3u);
}

TEST_P(CountsTest, AnErrorIsOneForEachWhoIsTold) {
  store().AddDirectory("/site", 0300);
  store().FailNext(MemoryStore::Kind::kLook, "/site/a", 1, EIO);
  ASSERT_FALSE(Look("/site/a"));
  EXPECT_EQ(Lookups(), Outcomes({.misses = 1, .errors = 1}));
  EXPECT_EQ(EventsOf(node()), Lookups());
}

TEST_P(CountsTest, AnAbsenceExpiresOnce) {
  store().AddFile("/site/a", "a");
  ASSERT_TRUE(Look("/site/absent"));
  job_.clock().Advance(seconds(3));
  ASSERT_TRUE(Look("/site/a")) << "what is there needs no renewal";
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 1}));
  ASSERT_TRUE(Look("/site/absent"));
  ASSERT_TRUE(Look("/site/absent"));
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 2, .serves = 1, .expires = 1}));
  EXPECT_EQ(Lookups(), Outcomes({.hits = 2, .misses = 2, .negative = 3}));
}

TEST_P(CountsTest, ANamesOwnAbsenceExpiresOnce) {
  store().AddDirectory("/secret", 0300);
  ASSERT_TRUE(Look("/secret/absent"));
  job_.clock().Advance(seconds(3));
  ASSERT_TRUE(Look("/secret/absent"));
  ASSERT_TRUE(Look("/secret/absent"));
  EXPECT_EQ(AbsencesOf(node()), Absences({.stores = 2, .serves = 1, .expires = 1}));
}

TEST_P(CountsTest, ARefreshClearsWhatIsStillBelieved) {
  store().AddDirectory("/secret", 0300);
  store().AddFile("/site/a", "a");
  ASSERT_TRUE(Look("/secret/absent"));
  ASSERT_TRUE(Look("/site/absent"));
  const RefreshId id{0, 1};
  node().fetcher().BeginRefresh(id, "/", kNever);
  node().fetcher().EndRefresh(id, "/", [](bool) {});
  EXPECT_EQ(AbsencesOf(node()).clears, 2U);
}

TEST_P(CountsTest, AListingIsAMissThenAHit) {
  store().AddFile("/site/a", "a");
  ASSERT_TRUE(List("/site"));
  ASSERT_TRUE(List("/site"));
  ASSERT_FALSE(List("/absent"));
  EXPECT_EQ(RecordOf(node(), Operation::kReaddir), Outcomes({.hits = 1, .misses = 2, .negative = 1}));
  EXPECT_EQ(EventsOf(node()), Outcomes({.hits = 1, .misses = 2, .negative = 1}));
}

TEST_P(CountsTest, AReadOfSeveralChunksIsOneMissIfOneIsFetched) {
  const size_t size = 3 * kChunkSize;
  store().AddFile("/data/big", std::string(size, 'x'));
  Read("/data/big", kChunkSize, 4096);
  Read("/data/big", 0, size);
  Read("/data/big", 10, 2 * kChunkSize);
  EXPECT_EQ(RecordOf(node(), Operation::kRead), Outcomes({.hits = 1, .misses = 2}));
  EXPECT_EQ(EventsOf(node()), Outcomes({.hits = 1, .misses = 2}));
  const uint64_t from_cache = kChunkSize + 2 * kChunkSize;  // of the second read, and all of the third
  EXPECT_EQ(node().counters().Get(Event::kBytesFromCache), from_cache) << "what readers were given, not what is kept";
}

TEST_P(CountsTest, WhatIsFetchedAheadIsNobodysRequest) {
  store().AddFile("/data/big", std::string(2 * kChunkSize, 'x'));
  const File file{"/data/big", store().Peek("/data/big").version()};
  ASSERT_TRUE(Await<Bytes>([&](auto done) { node().fetcher().ReadChunk(file, 0, std::move(done)); }));
  EXPECT_EQ(EventsOf(node()), Outcomes());
  Read("/data/big", 0, 4096);
  EXPECT_EQ(EventsOf(node()), Outcomes({.hits = 1}));
}

TEST(PeerCounts, WhatChildrenAskForIsRecordedWhereItIsAnswered) {
  TestJob job(2, {}, 2, 1);
  job.store().AddFile("/site/a", std::string(2 * kChunkSize, 'x'));
  TestNode& parent = job.node(0);
  ASSERT_TRUE(job.node(1).ReadWhole("/site/a"));
  EXPECT_EQ(RecordOf(parent, Operation::kPeerList), Outcomes({.misses = 1}));
  EXPECT_EQ(RecordOf(parent, Operation::kPeerRead), Outcomes({.misses = 2}));
  EXPECT_EQ(EventsOf(parent), Outcomes({.misses = 3}));
  EXPECT_EQ(parent.counters().Get(Operation::kPeerRead), 2U);
  EXPECT_EQ(parent.counters().requests(), 0U) << "no kernel asked";
  ASSERT_TRUE(parent.ReadWhole("/site/a"));
  EXPECT_EQ(EventsOf(parent), Outcomes({.hits = 2, .misses = 3}));
  profile::Profile recorded;
  parent.recorder().Fill(recorded);
  EXPECT_TRUE(recorded.paths.empty()) << "the child records what it uses";
}

TEST(PeerCounts, AnAbsentNameIsNegativeAndNoError) {
  TestJob job(2, {}, 2, 1);
  job.store().AddDirectory("/secret", 0300);
  ASSERT_TRUE(job.node(1).Look("/secret/absent"));
  EXPECT_EQ(RecordOf(job.node(0), Operation::kPeerLook), Outcomes({.misses = 1, .negative = 1}));
  EXPECT_EQ(RecordOf(job.node(0), Operation::kPeerList), Outcomes({.misses = 1, .errors = 1}));
}

}  // namespace
}  // namespace copper::fetch
