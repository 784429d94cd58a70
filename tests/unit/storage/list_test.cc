#include <dirent.h>

#include <algorithm>
#include <atomic>

#include "storage/directory_reader.h"  // private to the module
#include "unit/storage/temp_tree.h"

namespace copper::storage {
namespace {

using namespace std::chrono_literals;

class ListTest : public SourceTest {
 protected:
  void FillDirectory(int files) {
    tree_.MakeDirectory("/d");
    for (int i = 0; i < files; ++i) tree_.Write("/d/file" + std::to_string(i), "x");
  }
  static size_t WithAttributes(const Listing& listing) {
    return static_cast<size_t>(
        std::ranges::count_if(listing.entries(), [](const DirectoryEntry& e) { return e.has_attributes(); }));
  }
  // Whether a listing of /d answers for absent names, so long after its last change.
  bool AnswersAt(std::chrono::nanoseconds age) {
    ItIsLater("/d", age);
    return store_->List("/d", 0)->answers_absence();
  }
};

TEST_F(ListTest, GivesEveryNameWithItsAttributes) {
  tree_.MakeDirectory("/d/sub");
  tree_.Write("/d/b", "hello");
  tree_.Write("/d/a-", "");
  tree_.Write("/d/a\xff", "");
  tree_.Write("/d/.hidden", "");
  ASSERT_EQ(symlink("b", tree_.At("/d/link").c_str()), 0);
  ASSERT_EQ(mkfifo(tree_.At("/d/fifo").c_str(), 0600), 0);
  const auto listing = store_->List("/d", 0);
  ASSERT_TRUE(listing);
  std::vector<std::string> names;
  for (const DirectoryEntry entry : listing->entries()) {
    names.emplace_back(entry.name);
    const auto attributes = entry.attributes();
    ASSERT_TRUE(attributes) << entry.name;
    auto look = store_->Look("/d/" + names.back());
    ASSERT_TRUE(look) << entry.name;
    look->atime = attributes->atime;  // reading a symlink moves it
    EXPECT_EQ(*attributes, *look) << entry.name;
    EXPECT_EQ(entry.inode, look->inode);
    EXPECT_EQ(entry.type, IFTODT(look->mode));
  }
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{".hidden", "a-", "a\xff", "b", "fifo", "link", "sub"}));
  EXPECT_EQ(listing->directory(), *store_->Look("/d"));
}

TEST_F(ListTest, ErrorsAreTheSources) {
  tree_.Write("/file", "");
  EXPECT_EQ(CodeOf(store_->List("/absent", 0)), ENOENT);
  EXPECT_EQ(CodeOf(store_->List("/file", 0)), ENOTDIR);
}

TEST_F(ListTest, StopsAtTheLimit) {
  FillDirectory(10);
  EXPECT_EQ(store_->List("/d", 10)->size(), 10U);
  EXPECT_EQ(CodeOf(store_->List("/d", 9)), EFBIG);
  EXPECT_EQ(store_->List("/d", 0)->size(), 10U);
}

TEST_F(ListTest, OneThatIsLargerThanMayBeHeldIsRefused) {
  FillDirectory(100);
  EXPECT_EQ(CodeOf(store_->List("/d", {0, 2'000})), ENOMEM);
  EXPECT_EQ(store_->List("/d", {0, 100'000})->size(), 100U);
}

TEST_F(ListTest, HugeDirectoriesAreNamesOnly) {
  tree_.MakeDirectory("/d");
  std::string file;
  for (size_t i = 0; i < kMostWithAttributes; ++i) {
    const std::string name = "/d/l" + std::to_string(i);
    if (i % 10'000 == 0) {  // some file systems allow few links to a file
      tree_.Write(name, "x");
      file = tree_.At(name);
    } else {
      ASSERT_EQ(link(file.c_str(), tree_.At(name).c_str()), 0) << strerror(errno);
    }
  }
  const auto listing = store_->List("/d", 0);
  EXPECT_EQ(listing->size(), kMostWithAttributes);
  EXPECT_GE(WithAttributes(*listing), 16U);
  tree_.Write("/d/one-more", "x");
  const auto huge = store_->List("/d", 0);
  EXPECT_EQ(huge->size(), kMostWithAttributes + 1);
  EXPECT_EQ(WithAttributes(*huge), 0U);
  EXPECT_TRUE(huge->Find("one-more"));
  EXPECT_EQ(huge->Find("l99")->inode, listing->Find("l99")->inode);
}

TEST_F(ListTest, AnswersForAbsenceOnceTheDirectoryIsQuiet) {
  FillDirectory(3);
  EXPECT_FALSE(AnswersAt(0ms));
  EXPECT_FALSE(AnswersAt(1999ms));
  EXPECT_TRUE(AnswersAt(2000ms));
  EXPECT_FALSE(AnswersAt(-60s)) << "its clock is ahead";
  tree_.Age("/d", -60);
  EXPECT_FALSE(AnswersAt(2s)) << "the mtime was set to come";
}

// As tar and rsync -t do, each time that they put a name into it.
TEST_F(ListTest, IsNotQuietWhereOnlyItsMtimeWasPutBack) {
  FillDirectory(3);
  tree_.Age("/d", 100);
  EXPECT_FALSE(AnswersAt(1s));
  EXPECT_TRUE(AnswersAt(2s));
}

TEST_F(ListTest, NeverAnswersForAbsenceWhereNamesAppearWhenAsked) {
  FillDirectory(3);
  OpenStore({}, {{.point = tree_.At("/d"), .type = "autofs", .source = "auto"}});
  EXPECT_FALSE(AnswersAt(100s));
  OpenStore({}, {{.point = tree_.At("/d"), .type = "afs", .source = "afs"}});
  EXPECT_FALSE(AnswersAt(100s));
}

TEST_F(ListTest, LooksAtNoMountPoint) {
  tree_.MakeDirectory("/d/mount");
  tree_.MakeDirectory("/d/copper");
  tree_.MakeDirectory("/d/plain");
  OpenStore({.copper_mounts = {tree_.At("/d/copper")}},
            {{.point = tree_.At("/d/mount"), .type = "nfs", .source = "h:/e"}});
  const auto listing = store_->List("/d", 0);
  ASSERT_TRUE(listing);
  EXPECT_FALSE(listing->Find("mount")->has_attributes());
  EXPECT_FALSE(listing->Find("copper")->has_attributes());
  EXPECT_TRUE(listing->Find("plain")->has_attributes());
}

// Each look at it costs a fixed time.
class SlowClock final : public Clock {
 public:
  explicit SlowClock(Duration step) : step_(step) {}
  TimePoint Now() const override { return TimePoint(step_ * ++calls_); }

 private:
  const Duration step_;
  mutable std::atomic<int> calls_ = 0;
};

TEST_F(ListTest, StopsGettingAttributesWhereTheyAreExpensive) {
  FillDirectory(100);
  const SlowClock slow(std::chrono::microseconds(200));
  const SlowClock fast(std::chrono::microseconds(10));
  const auto idle = [] { return Duration{}; };
  const auto network = PosixStore::Open(tree_.root(), *file_systems_, slow, {}, idle);
  const auto local = PosixStore::Open(tree_.root(), *file_systems_, fast, {}, idle);
  const auto few = (*network)->List("/d", 0);
  EXPECT_EQ(few->size(), 100U);
  EXPECT_GE(WithAttributes(*few), 1U);
  EXPECT_LE(WithAttributes(*few), 8U) << "16 cheap looks would have taken 0.8 ms";
  EXPECT_EQ(WithAttributes(*(*network)->List("/d", 0)), 0U) << "it is not measured with each listing";
  EXPECT_EQ(WithAttributes(*(*local)->List("/d", 0)), 100U);
}

// One look of many takes long: the thread had to wait for a processor.
class BusyClock final : public Clock {
 public:
  TimePoint Now() const override {
    const int call = ++calls_;
    return TimePoint(call * std::chrono::microseconds(3) + (call + 48) / 50 * std::chrono::milliseconds(100));
  }

 private:
  mutable std::atomic<int> calls_ = 0;
};

TEST_F(ListTest, ABusyNodeGetsAttributesAllTheSame) {
  FillDirectory(100);
  const BusyClock busy;
  const auto store = PosixStore::Open(tree_.root(), *file_systems_, busy, {}, [] { return Duration{}; });
  for (int listing = 0; listing < 3; ++listing) EXPECT_EQ(WithAttributes(*(*store)->List("/d", 0)), 100U) << listing;
}

TEST_F(ListTest, LargeDirectoriesAreWhole) {
  FillDirectory(2'000);
  const auto listing = store_->List("/d", 0);
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->size(), 2'000U);
  for (int i = 0; i < 2'000; i += 97) EXPECT_TRUE(listing->Find("file" + std::to_string(i))) << i;
  EXPECT_FALSE(listing->Find("file2000"));
}

}  // namespace
}  // namespace copper::storage
