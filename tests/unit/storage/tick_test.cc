#include "storage/tick.h"  // private to the module

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "copper/base/chunk_size.h"
#include "copper/base/unique_fd.h"
#include "unit/storage/temp_tree.h"

namespace copper::storage {
namespace {

constexpr std::chrono::nanoseconds kSecond = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kZero = std::chrono::nanoseconds::zero();
constexpr FileTime kNow{1'700'000'000, 123};
constexpr FileTime kThisSecond{1'700'000'000, 0};

FileTime Later(const FileTime& time, std::chrono::nanoseconds by) {
  return FileTime::FromNanoseconds(time.seconds * FileTime::kPerSecond + time.nanoseconds + by.count());
}

std::chrono::nanoseconds Left(const FileTime& mtime) {
  return LeftOfTick({1, 1, mtime}, kNow);
}

TEST(Tick, WhatHasNotChangedLatelyIsRead) {
  EXPECT_EQ(Left({}), kZero);
  EXPECT_EQ(Left(Later(kNow, -kSecond)), kZero);
  EXPECT_EQ(Left(Later(kNow, -kTick)), kZero);
  EXPECT_EQ(Left(Later(kThisSecond, -2 * kSecond)), kZero);
  EXPECT_EQ(Left({-1, 5}), kZero) << "before 1970";
  for (const int64_t seconds : {INT64_MIN, int64_t{-10'000'000'000}}) EXPECT_EQ(Left({seconds, 0}), kZero) << seconds;
}

TEST(Tick, ThatOfAFreshChangeGoesOn) {
  constexpr std::chrono::nanoseconds kLittle(5);
  EXPECT_EQ(Left(kNow), kTick);
  EXPECT_EQ(Left(Later(kNow, -kLittle)), kTick - kLittle);
  EXPECT_EQ(Left(Later(kNow, kLittle)), kTick + kLittle) << "a server whose clock is a little ahead";
}

TEST(Tick, SourcesOfWholeSecondsTickSlowly) {
  EXPECT_EQ(Left(kThisSecond), kSlowTick - std::chrono::nanoseconds(123));
  EXPECT_EQ(Left(Later(kThisSecond, -kSecond)), kTick - std::chrono::nanoseconds(123));
}

TEST(Tick, TimesInTheFutureSayNothing) {
  EXPECT_EQ(Left(Later(kNow, 3 * kSecond + std::chrono::nanoseconds(1))), kZero);
  EXPECT_EQ(Left(Later(kThisSecond, 100 * kSecond)), kZero);
  for (const int64_t seconds : {INT64_MAX, int64_t{10'000'000'000}}) EXPECT_EQ(Left({seconds, 0}), kZero) << seconds;
}

class TickTest : public SourceTest {};

TEST_F(TickTest, AFileIsReadWhenTheTickOfItsLastChangeIsOver) {
  tree_.Write("/fresh", "content");
  const FileVersion version = VersionOf("/fresh");
  EXPECT_EQ(ReadText("/fresh", version, 0, 7), "content");
  EXPECT_GE(Between(version.mtime, FileTime::Now()), kTick);
}

// As from an archive, or by a clock that was wrong; the ctime is the kernel's.
TEST_F(TickTest, OfTheLastChangeAlsoWhereTheMtimeLiesInTheFuture) {
  tree_.Write("/fresh", "content");
  const timespec future{.tv_sec = 4'000'000'000, .tv_nsec = 1};
  const timespec times[] = {future, future};
  const std::string path = tree_.root() + "/fresh";
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  struct stat found{};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(ReadText("/fresh", VersionOf("/fresh"), 0, 7), "content");
  EXPECT_GE(Between(FileTime::From(found.st_ctim), FileTime::Now()), kTick);
}

// A file system whose times move with the kernel's ticks, whoever looks; in a mount namespace of its own.
class RamTree : public SourceTest {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("ramfs", tree_.root().c_str(), "ramfs", 0, nullptr) != 0) {
      GTEST_SKIP() << "only root can mount a ramfs";
    }
    OpenStore();
  }
  void TearDown() override {
    store_.reset();
    umount2(tree_.root().c_str(), MNT_DETACH);
  }
};

// A file that is rewritten in place, its first chunk always before its second, many times in a tick, now and then.
class Writer {
 public:
  explicit Writer(const std::string& path) : file_(open(path.c_str(), O_RDWR | O_CREAT, 0600)) {
    EXPECT_EQ(ftruncate(file_.get(), 2 * kChunkSize), 0);
    Put();
    thread_ = std::thread([this] {
      while (!stop_) {
        for (int i = 0; i < 2000; ++i) Put();
        std::this_thread::sleep_for(std::chrono::milliseconds(60));  // a pause longer than a tick, for some to be read
      }
    });
  }
  ~Writer() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Put() {
    ++version_;
    for (const uint64_t offset : {uint64_t{0}, uint64_t{kChunkSize}}) {
      EXPECT_EQ(pwrite(file_.get(), &version_, sizeof version_, static_cast<off_t>(offset)), ssize_t{sizeof version_});
    }
  }

  UniqueFd file_;
  uint64_t version_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(RamTree, ChunksThatAreReadAtDifferentTimesAreOfOneVersion) {
  Writer writer(tree_.At("/file"));
  int whole = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < end) {
    const FileVersion version = VersionOf("/file");
    const std::string first = ReadText("/file", version, 0, 8);
    std::this_thread::yield();
    const std::string second = ReadText("/file", version, kChunkSize, 8);
    if (first.size() != 8 || second.size() != 8) continue;  // ESTALE
    ++whole;
    uint64_t before = 0, after = 0;
    std::memcpy(&before, first.data(), 8);
    std::memcpy(&after, second.data(), 8);
    ASSERT_TRUE(before == after || before == after + 1) << before << " and " << after << " were never there together";
  }
  EXPECT_GT(whole, 0);
}

}  // namespace
}  // namespace copper::storage
