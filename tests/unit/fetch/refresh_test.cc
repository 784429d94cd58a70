#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "copper/base/chunk_size.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Await;
using fakes::Fate;
using fakes::TestJob;
using testing::ElementsAre;

// A chain: rank 0 is the root of the one tree, each further rank the child of the one before.
class RefreshTest : public testing::Test {
 protected:
  fakes::MemoryStore& store() { return job_.store(); }
  Fetcher& fetcher(Rank rank) { return job_.node(rank).fetcher(); }
  void Begin(Rank rank, const std::string& path) { fetcher(rank).BeginRefresh({9, number_}, path, kNever); }
  void End(Rank rank, const std::string& path) {
    bool told = false;
    fetcher(rank).EndRefresh({9, number_}, path, [&](bool whole) { told = whole; });
    EXPECT_TRUE(told);
  }
  void Refresh(const std::string& path) {
    for (Rank rank = 0; rank < job_.ranks(); ++rank) Begin(rank, path);
    for (Rank rank = 0; rank < job_.ranks(); ++rank) End(rank, path);
    ++number_;
  }
  void ExpectEverywhere(const std::string& path, const std::string& content) {
    for (Rank rank = 0; rank < job_.ranks(); ++rank) {
      EXPECT_EQ(job_.node(rank).ReadWhole(path).value_or("error"), content) << path << " on rank " << rank;
    }
  }
  // Messages of `from` to `to` stay under way until Release.
  void Hold(Rank from, Rank to) {
    job_.fabric().SetFilter([=](Rank f, Rank t) { return f == from && t == to ? Fate::kHold : Fate::kDeliver; });
  }
  void WaitForHeld() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (job_.fabric().held() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    ASSERT_GT(job_.fabric().held(), 0U);
    job_.fabric().SetFilter({});
  }

  TestJob job_{3, {}, 1, 1};
  uint64_t number_ = 1;
};

TEST_F(RefreshTest, TheNewVersionOnEveryNode) {
  store().AddFile("/pkg/a", "first");
  store().AddFile("/pkg/sub/b", std::string(3 * kChunkSize, '1'));
  store().AddFile("/beside", "first");
  ExpectEverywhere("/pkg/a", "first");
  ExpectEverywhere("/pkg/sub/b", std::string(3 * kChunkSize, '1'));
  ExpectEverywhere("/beside", "first");
  store().Rewrite("/pkg/a", "second");
  store().Replace("/pkg/sub/b", std::string(2 * kChunkSize, '2'));
  Refresh("/pkg");
  store().ResetCounts();
  ExpectEverywhere("/pkg/a", "second");
  ExpectEverywhere("/pkg/sub/b", std::string(2 * kChunkSize, '2'));
  ExpectEverywhere("/beside", "first");
  EXPECT_EQ(store().counts("/pkg/a").reads, 1U) << "once in the whole job again";
  EXPECT_EQ(store().counts("/pkg/sub/b").reads, 2U);
  EXPECT_EQ(store().counts("/beside").reads, 0U);
}

TEST_F(RefreshTest, NothingOfTheOldIsHeld) {
  store().AddFile("/pkg/a", std::string(kChunkSize, '1'));
  ExpectEverywhere("/pkg/a", std::string(kChunkSize, '1'));
  Refresh("/");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    EXPECT_EQ(job_.node(rank).cache().metadata().usage().entries, 0U);
    EXPECT_EQ(job_.node(rank).cache().listings().usage().entries, 0U);
    EXPECT_EQ(job_.node(rank).cache().data().usage().entries, 0U);
    EXPECT_EQ(job_.node(rank).cache().data().usage().bytes, 0U);
  }
}

TEST_F(RefreshTest, NeighboursKeepTheirVersion) {
  store().AddFile("/d/a", "first");
  store().AddFile("/d/b", "first");
  ExpectEverywhere("/d/a", "first");
  const FileVersion before = job_.node(2).Look("/d/b")->attributes->version();
  store().Rewrite("/d/a", "second");
  store().Rewrite("/d/b", "second");
  store().AddFile("/d/c", "new");
  Refresh("/d/a");
  ExpectEverywhere("/d/a", "second");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    EXPECT_EQ(job_.node(rank).Look("/d/b")->attributes->version(), before) << rank;
    EXPECT_EQ(job_.node(rank).List("/d")->listing->size(), 3U) << rank;
    EXPECT_EQ(job_.node(rank).Look("/d/b")->attributes->version(), before) << rank;
    EXPECT_EQ(job_.node(rank).Read({"/d/b", before}, 0, 6).error().code, ESTALE) << rank;
  }
}

TEST_F(RefreshTest, AbsentNamesAreLookedForAgain) {
  store().AddFile("/d/a", "1");
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    ASSERT_EQ(job_.node(rank).Look("/d/b")->attributes, nullptr);
    ASSERT_EQ(job_.node(rank).Look("/e/f")->attributes, nullptr);
  }
  store().AddFile("/d/b", "there");
  store().AddFile("/e/f", "there");
  store().Remove("/d/a");
  Refresh("/d/b");
  ExpectEverywhere("/d/b", "there");
  Refresh("/");
  ExpectEverywhere("/e/f", "there");
  EXPECT_EQ(job_.node(2).Look("/d/a")->attributes, nullptr);
}

TEST_F(RefreshTest, BytesThatNoVersionTellsApart) {
  store().AddFile("/f", std::string(2 * kChunkSize, '1'));
  ExpectEverywhere("/f", std::string(2 * kChunkSize, '1'));
  store().RewriteUnseen("/f", std::string(2 * kChunkSize, '2'));
  ExpectEverywhere("/f", std::string(2 * kChunkSize, '1'));
  Refresh("/f");
  ExpectEverywhere("/f", std::string(2 * kChunkSize, '2'));
}

TEST_F(RefreshTest, AFlightOfBeforeIsNeitherJoinedNorKept) {
  store().AddFile("/f", "old bytes");
  const File file{"/f", job_.node(1).Look("/f")->attributes->version()};
  Hold(0, 1);
  Result<std::string> early = Fail(EIO);
  std::thread reader([&] { early = job_.node(1).Read(file, 0, 9); });
  WaitForHeld();  // the old bytes are on their way
  store().RewriteUnseen("/f", "new bytes");
  Refresh("/f");
  EXPECT_EQ(job_.node(1).ReadWhole("/f").value_or("error"), "new bytes") << "not joined";
  job_.fabric().ReleaseHeld();
  reader.join();
  EXPECT_EQ(early.value_or("error"), "old bytes") << "whoever asked before hears what was true before";
  ExpectEverywhere("/f", "new bytes");
}

TEST_F(RefreshTest, ANameOfBeforeIsNotKept) {
  store().AddFile("/d/f", "old");
  const FileVersion old = store().Peek("/d/f").version();
  Hold(0, 1);
  Result<Found> early = Fail(EIO);
  std::thread looker([&] { early = job_.node(1).Look("/d/f"); });
  WaitForHeld();
  store().Rewrite("/d/f", "newer");
  Refresh("/d/f");
  job_.fabric().ReleaseHeld();
  looker.join();
  ASSERT_TRUE(early);
  const FileVersion now = store().Peek("/d/f").version();
  EXPECT_THAT((std::vector{old, now}), testing::Contains(early->attributes->version()));
  for (Rank rank = 0; rank < 3; ++rank) EXPECT_EQ(job_.node(rank).Look("/d/f")->attributes->version(), now) << rank;
}

TEST_F(RefreshTest, AStaleRankInBetweenPoisonsNobody) {
  store().AddFile("/f", "old bytes");
  const File file{"/f", job_.node(2).Look("/f")->attributes->version()};
  ASSERT_TRUE(job_.node(2).Read(file, 0, 9));
  store().RewriteUnseen("/f", "new bytes");
  Begin(0, "/f");
  Begin(2, "/f");
  EXPECT_EQ(job_.node(2).Read(file, 0, 9).value_or("error"), "old bytes") << "rank 1 has not forgotten";
  Begin(1, "/f");
  for (Rank rank = 0; rank < 3; ++rank) End(rank, "/f");
  ExpectEverywhere("/f", "new bytes");
}

// Rank 1 asks while rank 0 has not forgotten; the answer is still under way when rank 2, which has ended, asks rank 1.
TEST_F(RefreshTest, AFlightBetweenThePassesIsNotJoinedAfterThem) {
  store().AddFile("/f", "old bytes");
  const File file{"/f", job_.node(0).Look("/f")->attributes->version()};
  ASSERT_TRUE(job_.node(0).Read(file, 0, 9));
  store().RewriteUnseen("/f", "new bytes");
  Begin(1, "/f");
  Begin(2, "/f");
  Hold(0, 1);
  std::thread reader([&] { EXPECT_TRUE(job_.node(1).Read(file, 0, 9)); });
  WaitForHeld();
  Begin(0, "/f");
  End(2, "/f");
  EXPECT_EQ(job_.node(2).Read(file, 0, 9).value_or("error"), "new bytes");
  job_.fabric().ReleaseHeld();
  reader.join();
  End(0, "/f");
  End(1, "/f");
  ExpectEverywhere("/f", "new bytes");
}

TEST_F(RefreshTest, TheRootFixesTheVersionBetweenThePasses) {
  store().AddFile("/d/f", "first");
  ExpectEverywhere("/d/f", "first");
  store().Rewrite("/d/f", "second");
  for (Rank rank = 0; rank < 3; ++rank) Begin(rank, "/d");
  const FileVersion fixed = job_.node(1).Look("/d/f")->attributes->version();
  store().Rewrite("/d/f", "third");
  EXPECT_EQ(job_.node(2).Look("/d/f")->attributes->version(), fixed);
  for (Rank rank = 0; rank < 3; ++rank) End(rank, "/d");
  for (Rank rank = 0; rank < 3; ++rank) EXPECT_EQ(job_.node(rank).Look("/d/f")->attributes->version(), fixed);
}

TEST_F(RefreshTest, WithoutTheFirstPassTheSecondForgets) {
  store().AddFile("/f", "first");
  ExpectEverywhere("/f", "first");
  store().Rewrite("/f", "second");
  for (Rank rank = 0; rank < 3; ++rank) End(rank, "/f");
  ExpectEverywhere("/f", "second");
}

class ToldListener final : public ChangeListener {
 public:
  void OnDirectoryChanged(const std::string&, const std::vector<std::string>&) override {}
  void OnRefreshed(const std::string& path, Told told) override {
    ++told_;
    EXPECT_EQ(path, "/f");
    told(true);
  }
  std::atomic<int> told_{0};
};

TEST_F(RefreshTest, ASecondPassThatNeverComesIsMadeAlone) {
  ToldListener listener;
  fetcher(1).SetChangeListener(&listener);
  store().AddFile("/f", "first");
  fetcher(1).BeginRefresh({9, 1}, "/f", job_.clock().Now() + std::chrono::seconds(60));
  ASSERT_TRUE(job_.node(1).Look("/f"));
  EXPECT_EQ(listener.told_, 0);
  job_.clock().Advance(std::chrono::seconds(61));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (listener.told_ == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(listener.told_, 1);
  ASSERT_TRUE(job_.node(1).Look("/f"));
  EXPECT_GT(job_.node(1).cache().listings().usage().entries, 0U) << "things are kept again";
  fetcher(1).SetChangeListener(nullptr);
}

}  // namespace
}  // namespace copper::fetch
