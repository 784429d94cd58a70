#include "copper/fetch/fetcher.h"

#include <gtest/gtest.h>

#include <mutex>
#include <random>
#include <thread>

#include "copper/base/chunk_size.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Await;
using fakes::MemoryStore;
using fakes::TestJob;
using fakes::TestNode;
using std::chrono::seconds;

std::string RandomText(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// Every test below holds for a job of any size.
class FetchTest : public testing::TestWithParam<uint32_t> {
 protected:
  TestJob job_{GetParam()};
  MemoryStore& store() { return job_.store(); }
  Rank last() const { return job_.ranks() - 1; }
};
INSTANTIATE_TEST_SUITE_P(Ranks, FetchTest, testing::Values(1, 2, 4, 7), testing::PrintToStringParamName());

TEST_P(FetchTest, AFileIsReadFromTheSourceOnceInTheWholeJob) {
  const std::string content = RandomText(20 * kChunkSize + 123, 1);
  store().AddFile("/data/big", content);
  for (Rank rank = 0; rank < job_.ranks(); ++rank)
    EXPECT_EQ(job_.node(rank).ReadWhole("/data/big").value_or(""), content);
  EXPECT_EQ(store().counts("/data/big").reads, 21u);
  EXPECT_EQ(store().counts("/data/big").bytes_read, content.size());
}

TEST_P(FetchTest, ManyThreadsOnEveryNodeShareOneFetch) {
  const std::string content = RandomText(3 * kChunkSize + 7, 2);
  store().AddFile("/lib/a.so", content);
  std::atomic<int> right{0};
  std::vector<std::thread> readers;
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (int t = 0; t < 8; ++t) {
      readers.emplace_back([&, rank] { right += job_.node(rank).ReadWhole("/lib/a.so").value_or("") == content; });
    }
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, static_cast<int>(job_.ranks()) * 8);
  EXPECT_EQ(store().counts("/lib/a.so").reads, 4u);
  EXPECT_EQ(store().counts("/lib").lists, 1u);
}

TEST_P(FetchTest, ReadsOfAnyRangeGiveTheBytesThere) {
  const std::string content = RandomText(2 * kChunkSize + 1000, 3);
  store().AddFile("/f", content);
  const File file{"/f", job_.node(0).Look("/f")->attributes->version()};
  for (const auto& [offset, size] : std::vector<std::pair<uint64_t, size_t>>{{0, 1},
                                                                             {kChunkSize - 1, 2},
                                                                             {kChunkSize, 10},
                                                                             {100, 2 * kChunkSize},
                                                                             {content.size() - 5, 100},
                                                                             {content.size(), 9}}) {
    const std::string expected = offset < content.size() ? content.substr(offset, size) : "";
    EXPECT_EQ(job_.node(last()).Read(file, offset, size).value_or("error"), expected) << offset << "+" << size;
  }
}

TEST_P(FetchTest, AnEmptyFileIsEmptyAndAHoleIsZeros) {
  store().AddFile("/empty", "");
  store().AddFile("/hole", std::string(3 * kChunkSize, '\0'));
  EXPECT_EQ(job_.node(last()).ReadWhole("/empty").value_or("error"), "");
  EXPECT_EQ(job_.node(last()).ReadWhole("/hole").value_or(""), std::string(3 * kChunkSize, '\0'));
}

TEST_P(FetchTest, AListingAnswersForEveryAbsentNameInIt) {
  store().AddFile("/site/numpy.py", "x");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (int i = 0; i < 100; ++i) {
      const auto found = job_.node(rank).Look("/site/absent" + std::to_string(i));
      ASSERT_TRUE(found) << found.error().Describe();
      EXPECT_EQ(found->attributes, nullptr);
      EXPECT_EQ(found->valid_until, job_.clock().Now() + seconds(2));
    }
  }
  EXPECT_EQ(store().counts("/site").lists, 1u);
  EXPECT_EQ(store().counts().looks, 0u);
}

TEST_P(FetchTest, OneLookAtTheDirectoryRenewsAllItsAbsentNames) {
  store().AddFile("/site/numpy.py", "x");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) ASSERT_EQ(job_.node(rank).Look("/site/a")->attributes, nullptr);
  job_.clock().Advance(seconds(3));
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (const char* name : {"/site/a", "/site/b", "/site/c"})
      ASSERT_EQ(job_.node(rank).Look(name)->attributes, nullptr);
  }
  EXPECT_EQ(store().counts("/site").lists, 1u);
  EXPECT_EQ(store().counts("/site").looks, 1u);
}

// tar and rsync -t put a directory's mtime back when they have put new names into it.
TEST_P(FetchTest, ANewNameIsSeenWhereTheMtimeOfItsDirectoryIsPutBack) {
  store().AddFile("/site/numpy.py", "x");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) ASSERT_EQ(job_.node(rank).Look("/site/new")->attributes, nullptr);
  const FileTime mtime = store().Peek("/site").mtime;
  store().AddFile("/site/new", "x");
  store().SetMtime("/site", mtime);
  job_.clock().Advance(seconds(3));
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    ASSERT_EQ(job_.node(rank).Look("/site/other")->attributes, nullptr);
    EXPECT_NE(job_.node(rank).Look("/site/new")->attributes, nullptr) << rank;
  }
  EXPECT_EQ(store().counts("/site").lists, 2u);
}

class RecordingListener final : public ChangeListener {
 public:
  void OnDirectoryChanged(const std::string& path, const std::vector<std::string>& added) override {
    const std::lock_guard lock(mutex_);
    for (const std::string& name : added) added_.push_back(path + "/" + name);
  }
  void OnDirectoryReplaced(const std::string& path, const Attributes& now) override {
    const std::lock_guard lock(mutex_);
    replaced_.emplace_back(path, now.inode);
  }
  std::vector<std::pair<std::string, uint64_t>> replaced() {
    const std::lock_guard lock(mutex_);
    return replaced_;
  }
  std::vector<std::string> added() {
    const std::lock_guard lock(mutex_);
    return added_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> added_;
  std::vector<std::pair<std::string, uint64_t>> replaced_;
};

TEST_P(FetchTest, AFileMadeLaterAppearsAfterTheTtlAndTheKernelIsTold) {
  store().AddFile("/site/old", "1");
  RecordingListener listener;
  job_.node(last()).fetcher().SetChangeListener(&listener);
  ASSERT_EQ(job_.node(last()).Look("/site/new")->attributes, nullptr);
  const FileVersion old_version = job_.node(last()).Look("/site/old")->attributes->version();
  store().AddFile("/site/new", "2");
  store().Rewrite("/site/old", "changed");
  EXPECT_EQ(job_.node(last()).Look("/site/new")->attributes, nullptr) << "still within the TTL";
  job_.clock().Advance(seconds(3));
  ASSERT_NE(job_.node(last()).Look("/site/new")->attributes, nullptr);
  EXPECT_EQ(listener.added(), std::vector<std::string>{"/site/new"});
  // What was known already keeps the version it was first seen with.
  EXPECT_EQ(job_.node(last()).Look("/site/old")->attributes->version(), old_version);
  EXPECT_EQ(job_.node(last()).Read({"/site/old", old_version}, 0, 1).error().code, ESTALE);
  job_.node(last()).fetcher().SetChangeListener(nullptr);
}

TEST_P(FetchTest, ADirectoryInAnothersPlaceIsKnownByItsListing) {
  store().AddFile("/site/old", "1");
  RecordingListener listener;
  fetch::Fetcher& fetcher = job_.node(last()).fetcher();
  fetcher.SetChangeListener(&listener);
  const uint64_t first = job_.node(last()).Look("/site")->attributes->inode;
  EXPECT_EQ(job_.node(last()).Look("/site/new")->listing->directory().inode, first);
  store().AddFile("/site/more", "1");
  job_.clock().Advance(seconds(3));
  EXPECT_EQ(job_.node(last()).Look("/site/new")->attributes, nullptr);
  EXPECT_EQ(listener.replaced().size(), 0U) << "it has only changed";
  store().Remove("/site");
  store().AddFile("/site/new", "2");
  const uint64_t second = store().Peek("/site").inode;
  job_.clock().Advance(seconds(3));
  EXPECT_EQ(job_.node(last()).Look("/site")->attributes->inode, first) << "nobody has noticed";
  const auto found = job_.node(last()).Look("/site/new");
  ASSERT_NE(found->attributes, nullptr);
  EXPECT_EQ(found->listing->directory().inode, second);
  EXPECT_EQ(job_.node(last()).Look("/site")->attributes->inode, second) << "its name means this one";
  EXPECT_EQ(listener.replaced(), (std::vector{std::pair<std::string, uint64_t>("/site", second)}));
  fetcher.SetChangeListener(nullptr);
}

TEST_P(FetchTest, NamesOfAnUnsettledDirectoryAreAskedOneByOne) {
  store().AddFile("/busy/a", "1");
  store().SetAnswersAbsence("/busy", false);
  EXPECT_EQ(job_.node(last()).Look("/busy/x")->attributes, nullptr);
  EXPECT_EQ(store().counts("/busy/x").looks, 1u);
  store().AddFile("/busy/y", "2");
  EXPECT_NE(job_.node(last()).Look("/busy/y")->attributes, nullptr) << "made after the listing, never seen absent";
}

TEST_P(FetchTest, AListingOfTensOfThousandsOfNamesTravelsWhole) {
  constexpr int kNames = 30000;
  store().AddDirectory("/many");
  for (int i = 0; i < kNames; ++i) store().AddFile("/many/a_name_of_some_length_" + std::to_string(i), "x");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    const auto listed = job_.node(rank).List("/many");
    ASSERT_TRUE(listed) << listed.error().Describe();
    EXPECT_EQ(listed->listing->size(), static_cast<size_t>(kNames));
  }
  EXPECT_EQ(store().counts("/many").lists, 1u);
}

TEST(FetchLimits, AListingThatCannotBeHeldIsRefusedAndItsNamesAreAskedOneByOne) {
  Fetcher::Options options;
  options.listing_limit_bytes = 10'000;
  TestJob job(4, options);
  for (int i = 0; i < 200; ++i) job.store().AddFile("/large/" + std::to_string(i), "x");
  for (Rank rank = 0; rank < job.ranks(); ++rank) {
    const auto listed = job.node(rank).List("/large");
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().code, ENOMEM);
    EXPECT_EQ(job.node(rank).Look("/large/77")->attributes->size, 1u);
    EXPECT_EQ(job.node(rank).Look("/large/absent")->attributes, nullptr);
  }
  job.store().AddFile("/small/f", "x");
  EXPECT_EQ(job.node(3).List("/small")->listing->size(), 1u);
}

// As when the table has no room for it: the pieces of one listing are asked for one by one.
TEST_P(FetchTest, APieceOfAListingThatHasLeftTheTableIsStillGiven) {
  for (int i = 0; i < 30'000; ++i) store().AddFile("/many/" + std::to_string(i), "x");
  TestNode& node = job_.node(last());
  const auto ask = [&](uint64_t piece, FileVersion version) {
    rpc::Request request;
    request.kind = rpc::Kind::kList;
    request.path = "/many";
    request.argument = piece;
    request.version = version;
    return *Await<rpc::Reply>([&](auto done) {
      node.fetcher().Handle(
          0, request, job_.clock().Now() + seconds(5),
          rpc::Responder([done = std::move(done)](rpc::Reply reply) mutable { done(std::move(reply)); }));
    });
  };
  const rpc::Reply first = ask(0, {});
  ASSERT_EQ(first.error, 0);
  ASSERT_GT(first.argument, 2 * kChunkSize);
  ASSERT_TRUE(node.cache().listings().Erase({"/many"}));
  const rpc::Reply second = ask(1, first.version);
  EXPECT_EQ(second.error, 0);
  EXPECT_EQ(second.version, first.version);
  EXPECT_EQ(second.payload.size(), kChunkSize);
  FileVersion other = first.version;
  ++other.mtime.nanoseconds;
  EXPECT_EQ(ask(1, other).error, ESTALE) << "never pieces of two listings";
}

// The parent of a rank that has the first of two pieces of a listing renews it before it gives the second.
class RenewedBetweenPieces : public testing::Test {
 protected:
  static constexpr int kNames = 12'000;  // two pieces
  static constexpr Duration kTtl = std::chrono::milliseconds(100);
  static constexpr Rank kParent = 0, kChild = 1;

  void SetUp() override {
    for (int i = 0; i < kNames; ++i) job_.store().AddFile("/many/" + std::to_string(i), "x");
    job_.fabric().SetFilter([this](Rank from, Rank) {
      return from == kChild && ++asked_ % 2 == 0 ? fakes::Fate::kHold : fakes::Fate::kDeliver;
    });
  }
  void Renew(int time) {
    job_.store().AddFile("/many/new" + std::to_string(time), "x");
    job_.clock().Advance(2 * kTtl);
    ASSERT_EQ(job_.node(kParent).List("/many")->listing->size(), static_cast<size_t>(kNames + time));
  }
  // The child's listing, which its parent renews so often meanwhile.
  Result<Listed> ListWhile(int renewals) {
    std::future<Result<Listed>> listed =
        std::async(std::launch::async, [&] { return job_.node(kChild).List("/many"); });
    for (int time = 1; time <= renewals; ++time) {
      while (job_.fabric().held() == 0 && listed.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
      }
      Renew(time);
      if (time == renewals) job_.fabric().SetFilter({});
      job_.fabric().ReleaseHeld();
    }
    return listed.get();
  }

  static Fetcher::Options WithTtl() {
    Fetcher::Options options;
    options.absent_ttl = options.local_ttl = kTtl;
    return options;
  }
  std::atomic<int> asked_{0};
  TestJob job_{2, WithTtl(), 2, 1};
};

TEST_F(RenewedBetweenPieces, ItIsAskedForAnew) {
  const auto listed = ListWhile(1);
  ASSERT_TRUE(listed) << listed.error().Describe();
  EXPECT_EQ(listed->listing->size(), kNames + 1U);
  EXPECT_EQ(job_.node(kChild).counters().Get(profile::Event::kDetours), 0U);
}

TEST_F(RenewedBetweenPieces, AgainAndAgainTheSourceIsRead) {
  const auto listed = ListWhile(4);
  ASSERT_TRUE(listed) << listed.error().Describe();
  EXPECT_EQ(listed->listing->size(), kNames + 4U);
  EXPECT_EQ(job_.node(kChild).counters().Get(profile::Event::kDetours), 1U);
}

TEST_P(FetchTest, ALookupDoesNotListAHugeDirectory) {
  for (int i = 0; i < 9000; ++i) store().AddFile("/huge/" + std::to_string(i), "x");
  EXPECT_NE(job_.node(last()).Look("/huge/77")->attributes, nullptr);
  EXPECT_EQ(job_.node(last()).Look("/huge/absent")->attributes, nullptr);
  EXPECT_FALSE(job_.node(last()).cache().listings().Get({"/huge"})->listing);
  EXPECT_EQ(job_.node(last()).List("/huge")->listing->size(), 9000u);
}

TEST_P(FetchTest, WhereLooksAreExpensiveADirectoryIsListedForItsFirstAbsentName) {
  store().SetAttributesInListings(false);
  store().AddFile("/p/cache/a", "a");
  store().AddFile("/p/cache/b", "b");
  TestNode& node = job_.node(last());
  EXPECT_NE(node.Look("/p")->attributes, nullptr);
  EXPECT_NE(node.Look("/p/cache")->attributes, nullptr);
  EXPECT_NE(node.Look("/p/cache/a")->attributes, nullptr);
  EXPECT_NE(node.Look("/p/cache/b")->attributes, nullptr);
  EXPECT_EQ(store().counts("/p/cache").lists, 0u) << "nobody asked for what only a listing tells";
  store().Block(MemoryStore::Kind::kList, "/p/cache");
  EXPECT_EQ(node.Look("/p/cache/absent")->attributes, nullptr) << "without waiting for the listing";
  EXPECT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kList, "/p/cache", 1));
  store().Release(MemoryStore::Kind::kList, "/p/cache");
}

TEST_P(FetchTest, ListingsWithoutAttributesLeaveOneLookPerName) {
  store().SetAttributesInListings(false);
  store().AddFile("/d/a", "1");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).Look("/d/a")->attributes->size, 1u);
  EXPECT_EQ(store().counts("/d/a").looks, 1u);
}

TEST_P(FetchTest, ErrorsStayThemselvesAndAreNotKept) {
  store().AddFile("/d/f", "content");
  const File file{"/d/f", job_.node(last()).Look("/d/f")->attributes->version()};
  for (const int error : {EIO, EACCES, EMFILE, ENOMEM}) {
    store().FailNext(MemoryStore::Kind::kRead, "/d/f", 1, error);
    EXPECT_EQ(job_.node(last()).Read(file, 0, 7).error().code, error);
  }
  EXPECT_EQ(job_.node(last()).Read(file, 0, 7).value_or(""), "content");
}

TEST_P(FetchTest, AFailedListingLeavesAskingByName) {
  store().AddFile("/private/f", "1");
  store().SetMode("/private", 0111);
  EXPECT_NE(job_.node(last()).Look("/private/f")->attributes, nullptr);
  EXPECT_EQ(job_.node(last()).Look("/private/g")->attributes, nullptr);
  EXPECT_EQ(job_.node(last()).List("/private").error().code, EACCES);
}

TEST_P(FetchTest, AChangedFileIsStaleNeverAMix) {
  store().AddFile("/f", RandomText(4 * kChunkSize, 4));
  const File file{"/f", job_.node(0).Look("/f")->attributes->version()};
  ASSERT_TRUE(job_.node(0).Read(file, 0, kChunkSize));
  store().Replace("/f", RandomText(4 * kChunkSize, 5));
  EXPECT_EQ(job_.node(last()).Read(file, 2 * kChunkSize, 10).error().code, ESTALE);
  EXPECT_EQ(job_.node(last()).Read(file, 0, 4 * kChunkSize).error().code, ESTALE);
}

TEST_P(FetchTest, ASourceThatHangsIsWaitedForUntilTheDeadlineOnly) {
  TestJob job(GetParam(), {.source_timeout = seconds(5)});
  MemoryStore& store = job.store();
  TestNode& node = job.node(last());
  store.AddFile("/slow", "content");
  store.AddFile("/quick", "content");
  const File file{"/slow", node.Look("/slow")->attributes->version()};
  store.Block(MemoryStore::Kind::kRead, "/slow");
  auto slow = std::async(std::launch::async, [&] { return node.Read(file, 0, 7); });
  ASSERT_TRUE(store.WaitUntilBlocked(MemoryStore::Kind::kRead, "/slow", 1));
  EXPECT_EQ(node.ReadWhole("/quick").value_or(""), "content") << "who does not need it does not wait";
  Duration passed{};
  EXPECT_EQ(job.PassUntil(slow, passed).error().code, ETIMEDOUT);
  store.Release(MemoryStore::Kind::kRead, "/slow");
  EXPECT_EQ(node.Read(file, 0, 7).value_or(""), "content");
  EXPECT_EQ(store.counts("/slow").reads, 1u) << "the flight went on and its result was kept";
}

TEST_P(FetchTest, SymlinksComeWithTheirTarget) {
  store().AddSymlink("/l", "/elsewhere/absolute");
  EXPECT_EQ(job_.node(last()).Look("/l")->attributes->symlink_target, "/elsewhere/absolute");
}

TEST_P(FetchTest, TheRootOfTheMountIsFound) {
  store().AddFile("/f", "1");
  EXPECT_TRUE(job_.node(last()).Look("/")->attributes->IsDirectory());
}

TEST_P(FetchTest, HolesAreFoundAtTheSource) {
  store().AddFile("/f", "content");
  const File file{"/f", job_.node(last()).Look("/f")->attributes->version()};
  const auto seek = [&](uint64_t offset, int whence) {
    return Await<uint64_t>([&](auto done) { job_.node(last()).fetcher().Seek(file, offset, whence, std::move(done)); });
  };
  EXPECT_EQ(seek(0, SEEK_DATA).value_or(99), 0u);
  EXPECT_EQ(seek(2, SEEK_HOLE).value_or(99), 7u);
  EXPECT_EQ(seek(50, SEEK_DATA).error().code, ENXIO);
}

TEST_P(FetchTest, AChunkPastTheEndIsRefused) {
  rpc::Request request;
  request.kind = rpc::Kind::kRead;
  request.path = "/f";
  request.version = {1, kChunkSize, {1, 0}};
  for (const uint64_t chunk : {uint64_t{1}, UINT64_MAX, UINT64_MAX / kChunkSize}) {
    request.argument = chunk;
    const auto reply = Await<rpc::Reply>([&](auto done) {
      job_.node(0).fetcher().Handle(
          0, request, job_.clock().Now() + seconds(5),
          rpc::Responder([done = std::move(done)](rpc::Reply r) mutable { done(std::move(r)); }));
    });
    EXPECT_EQ(reply->error, EINVAL);
  }
}

TEST_P(FetchTest, AChunkThatEveryoneHasIsKeptByItsRootAlone) {
  const std::string content = RandomText(20 * kChunkSize, 4);
  store().AddFile("/big", content);
  const auto read_everywhere = [&] {
    for (Rank rank = 0; rank < job_.ranks(); ++rank) {
      EXPECT_EQ(job_.node(rank).ReadWhole("/big").value_or(""), content);
      const File file{"/big", job_.node(rank).Look("/big")->attributes->version()};
      job_.node(rank).fetcher().NoteDelivered(file, 0, content.size());
    }
  };
  read_everywhere();
  // An inner rank serves its last child after it had the chunk itself; the rank that asks last may be its parent.
  read_everywhere();
  uint64_t kept = 0;
  for (Rank rank = 0; rank < job_.ranks(); ++rank) kept += job_.node(rank).cache().data().usage().entries;
  EXPECT_EQ(kept, 20u);
  EXPECT_EQ(store().counts("/big").reads, 20u) << "and nobody had to ask the source again";
}

TEST_P(FetchTest, AChunkThatTheKernelHasOnlyInPartIsKept) {
  store().AddFile("/big", RandomText(2 * kChunkSize, 5));
  ASSERT_TRUE(job_.node(last()).ReadWhole("/big"));
  const File file{"/big", job_.node(last()).Look("/big")->attributes->version()};
  job_.node(last()).fetcher().NoteDelivered(file, 0, kChunkSize - 1);
  job_.node(last()).fetcher().NoteDelivered(file, kChunkSize, 4096);
  EXPECT_EQ(job_.node(last()).cache().data().usage().entries, 2u);
}

TEST(FetchBudget, AFileManyTimesLargerThanTheBudgetArrivesWholeOnEveryNode) {
  constexpr uint64_t kBudget = 6 * kChunkSize;
  TestJob job(7, {}, 2, 0, kBudget);
  const std::string content = RandomText(40 * kChunkSize + 11, 6);
  job.store().AddFile("/big", content);
  std::atomic<int> right{0};
  {
    std::vector<std::jthread> readers;
    for (Rank rank = 0; rank < job.ranks(); ++rank) {
      readers.emplace_back([&, rank] {
        const File file{"/big", job.node(rank).Look("/big")->attributes->version()};
        // As the kernel does: never more than a chunk at once.
        for (uint64_t offset = 0; offset < content.size(); offset += kChunkSize) {
          right += job.node(rank).Read(file, offset, kChunkSize).value_or("") == content.substr(offset, kChunkSize);
        }
      });
    }
  }
  EXPECT_EQ(right, 7 * 41);
  for (Rank rank = 0; rank < job.ranks(); ++rank) {
    cache::Budget& budget = job.node(rank).cache().budget();
    budget.MakeRoom();
    EXPECT_LE(budget.held(), kBudget);
    EXPECT_GT(budget.evictions(), 0u);
  }
}

TEST(FetchOptions, AbsenceForTheWholeJobIsNeverAskedAgain) {
  TestJob job(3, {.absent_ttl = Duration::max()});
  job.store().AddFile("/d/f", "1");
  EXPECT_EQ(job.node(2).Look("/d/x")->valid_until, kNever);
  job.clock().Advance(std::chrono::hours(100));
  EXPECT_EQ(job.node(2).Look("/d/x")->attributes, nullptr);
  EXPECT_EQ(job.store().counts("/d").lists, 1u);
  EXPECT_EQ(job.store().counts().looks, 0u);
}

TEST(FetchOptions, WithATtlOfZeroEveryAbsentNameIsLookedAtAgain) {
  TestJob job(3, {.absent_ttl = Duration::zero()});
  job.store().AddFile("/d/f", "1");
  EXPECT_EQ(job.node(2).Look("/d/x")->attributes, nullptr);
  job.store().AddFile("/d/x", "1");
  EXPECT_NE(job.node(2).Look("/d/x")->attributes, nullptr);
}

TEST(FetchOptions, LargerFilesAreReadByEachNodeFromTheSource) {
  TestJob job(3, {.max_cacheable = 1000});
  job.store().AddFile("/large", std::string(1001, 'x'));
  job.store().AddFile("/small", std::string(1000, 'x'));
  for (Rank rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(job.node(rank).ReadWhole("/large").value_or("").size(), 1001u);
    EXPECT_EQ(job.node(rank).ReadWhole("/small").value_or("").size(), 1000u);
  }
  EXPECT_EQ(job.store().counts("/large").reads, 3u);
  EXPECT_EQ(job.store().counts("/small").reads, 1u);
}

}  // namespace
}  // namespace copper::fetch
