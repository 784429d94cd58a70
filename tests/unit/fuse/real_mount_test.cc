// The server behind the real kernel: what must work from a mount, and how few requests it takes.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "copper/base/chunk_size.h"
#include "copper/base/control_ioctl.h"
#include "real_mount.h"

namespace copper::fuse {
namespace {

namespace fs = std::filesystem;

TEST_F(RealMount, WhatTheKernelHasSeenComesBackNoMore) {
  store().AddFile("/lib/a.py", "import b\n");
  for (int i = 0; i < 50; ++i) {
    struct stat found{};
    ASSERT_EQ(stat(In("/lib/a.py").c_str(), &found), 0);
    EXPECT_EQ(found.st_size, 9);
    EXPECT_EQ(ReadFile(In("/lib/a.py")), "import b\n");
    EXPECT_NE(access(In("/lib/absent.py").c_str(), F_OK), 0);
  }
  EXPECT_EQ(Count(profile::Operation::kLookup), 3U);
  EXPECT_LE(Count(profile::Operation::kRead), 3U);
  EXPECT_LE(Count(profile::Operation::kOther), 2U);  // one refused OPEN, one OPENDIR at most
}

TEST_F(RealMount, AListingWithAttributesNeedsNoLookups) {
  for (int i = 0; i < 500; ++i)
    store().AddFile("/many/f" + std::to_string(i), std::string(static_cast<size_t>(i), 'x'));
  std::set<uint64_t> numbers;
  uintmax_t bytes = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(In("/many"))) {
    struct stat found{};
    ASSERT_EQ(lstat(entry.path().c_str(), &found), 0);
    numbers.insert(found.st_ino);
    bytes += static_cast<uintmax_t>(found.st_size);
  }
  EXPECT_EQ(numbers.size(), 500U);
  EXPECT_EQ(bytes, 500U * 499 / 2);
  EXPECT_LE(Count(profile::Operation::kLookup), 1U);
  EXPECT_GT(Count(profile::Operation::kReaddirplus), 0U);
  EXPECT_EQ(Count(profile::Operation::kReaddir), 0U);
}

class RealMountWithinBudget : public RealMount {
 protected:
  static constexpr size_t kBudget = 500'000;  // some 700 nodes
  static constexpr int kFiles = 5000;

  void SetUp() override {
    Server::Options options;
    options.node_budget_bytes = kBudget;
    Start(std::move(options));
  }
  std::string File(int number) const { return In("/many/f" + std::to_string(number)); }
  void LookAtAll() {
    for (int i = 0; i < kFiles; ++i) {
      struct stat found{};
      ASSERT_EQ(lstat(File(i).c_str(), &found), 0) << i;
      ASSERT_EQ(found.st_size, i);
    }
  }
  // The kernel takes a while to forget.
  bool BecomesBounded() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (server_->node_usage().bytes > kBudget && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return server_->node_usage().bytes <= kBudget;
  }
};

TEST_F(RealMountWithinBudget, TheKernelForgetsWhatItIsAskedToAndFindsItAgain) {
  for (int i = 0; i < kFiles; ++i)
    store().AddFile("/many/f" + std::to_string(i), std::string(static_cast<size_t>(i), 'x'));
  const UniqueFd open_file(open(File(77).c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  ASSERT_EQ(pread(open_file.get(), &byte, 1, 0), 1);
  for (int round = 0; round < 2; ++round) {
    LookAtAll();
    EXPECT_TRUE(BecomesBounded()) << server_->node_usage().bytes << " bytes of " << server_->node_usage().nodes;
    EXPECT_GT(server_->node_usage().nodes, 300U) << "no more than must be is forgotten";
  }
  // What is open stays itself.
  struct stat opened{}, named{};
  ASSERT_EQ(fstat(open_file.get(), &opened), 0);
  ASSERT_EQ(lstat(File(77).c_str(), &named), 0);
  EXPECT_EQ(opened.st_ino, named.st_ino);
  EXPECT_EQ(pread(open_file.get(), &byte, 1, 76), 1);
  EXPECT_EQ(byte, 'x');
  EXPECT_EQ(ReadFile(File(77)), std::string(77, 'x'));
}

TEST_F(RealMountWithinBudget, AWalkSeesEveryNameAndItsSize) {
  for (int i = 0; i < kFiles; ++i)
    store().AddFile("/many/f" + std::to_string(i), std::string(static_cast<size_t>(i % 100), 'x'));
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(In("/many"))) {
    const std::string name = entry.path().filename();
    EXPECT_EQ(entry.file_size(), std::stoul(name.substr(1)) % 100) << name;
    names.insert(name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kFiles));
  EXPECT_TRUE(BecomesBounded());
}

TEST_F(RealMount, MapsSharedAndPrivate) {
  std::string content(3 * kChunkSize + 12'345, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 + i / 4096);
  store().AddFile("/data", content);
  const UniqueFd file(open(In("/data").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  for (const int flags : {MAP_SHARED, MAP_PRIVATE}) {
    void* const map = mmap(nullptr, content.size(), PROT_READ, flags, file.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    EXPECT_EQ(std::memcmp(map, content.data(), content.size()), 0);
    munmap(map, content.size());
  }
  EXPECT_EQ(ReadFile(In("/data")), content);
}

TEST_F(RealMount, IsReadOnly) {
  store().AddFile("/d/f", "data");
  EXPECT_EQ(open(In("/d/f").c_str(), O_WRONLY | O_CLOEXEC), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(open(In("/d/new").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_NE(unlink(In("/d/f").c_str()), 0);
  EXPECT_EQ(errno, EROFS);
  EXPECT_NE(rename(In("/d/f").c_str(), In("/d/g").c_str()), 0);
  EXPECT_EQ(errno, EROFS);
  EXPECT_NE(mkdir(In("/new").c_str(), 0755), 0);
  EXPECT_EQ(errno, EROFS);
  EXPECT_NE(chmod(In("/d/f").c_str(), 0600), 0);
  EXPECT_EQ(errno, EROFS);
  EXPECT_NE(truncate(In("/d/f").c_str(), 0), 0);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(ReadFile(In("/d/f")), "data");
}

TEST_F(RealMount, AnswersLikeTheSource) {
  store().AddSymlink("/link", "lib/../target file");
  store().AddFile("/target file", "there");
  store().AddDirectory("/lib");
  EXPECT_EQ(ReadFile(In("/link")), "there");
  EXPECT_EQ(fs::read_symlink(In("/link")), "lib/../target file");
  struct statvfs figures{};
  ASSERT_EQ(statvfs(point_.c_str(), &figures), 0);
  EXPECT_EQ(figures.f_blocks, store().Statfs("/")->blocks);
  EXPECT_NE(figures.f_flag & ST_RDONLY, 0U);
  char value[16];
  EXPECT_EQ(getxattr(In("/link").c_str(), "user.x", value, sizeof value), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  const UniqueFd file(open(In("/link").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(lseek(file.get(), 0, SEEK_HOLE), 5);
  EXPECT_EQ(lseek(file.get(), 0, SEEK_END), 5);
}

TEST_F(RealMount, LiveFilesAreFreshAndTheControlFileStops) {
  const auto first = std::stoi(ReadFile(In("/.copper/status.json")));
  const auto second = std::stoi(ReadFile(In("/.copper/status.json")));
  EXPECT_GT(second, first);
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(In("/.copper"))) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"control", "status.json"}));
  for (const auto& entry : fs::directory_iterator(point_)) EXPECT_NE(entry.path().filename(), ".copper");
  const UniqueFd control(open(In("/.copper/control").c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(control);
  EXPECT_EQ(ioctl(control.get(), kStopCommand), 0);
  EXPECT_EQ(stop_commands_, 1);
  EXPECT_EQ(ioctl(control.get(), kStopCommand + 1), -1);
  EXPECT_EQ(errno, ENOTTY);
}

TEST_F(RealMount, ANameThatAppearsIsSeenAfterItsTime) {
  store().AddFile("/d/a", "a");
  EXPECT_FALSE(fs::exists(In("/d/b")));
  store().AddFile("/d/b", "b");
  EXPECT_FALSE(fs::exists(In("/d/b")));  // for its time it stays absent
  job_->clock().Advance(std::chrono::seconds(10));
  EXPECT_FALSE(fs::exists(In("/d/c")));  // renews the absences of the directory
  // The kernel hears of it from the notifier's thread, at last by the time that it was told itself (2 s).
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!fs::exists(In("/d/b")) && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(ReadFile(In("/d/b")), "b");
}

TEST_F(RealMount, StopWithReadersEndsThem) {
  store().AddFile("/slow", "slow");
  store().Block(fakes::MemoryStore::Kind::kRead, "/slow");
  std::atomic<int> error{0};
  std::thread reader([&] {
    const UniqueFd file(open(In("/slow").c_str(), O_RDONLY | O_CLOEXEC));
    char text[16];
    if (read(file.get(), text, sizeof text) < 0) error = errno;
  });
  EXPECT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kRead, "/slow", 1));
  server_->Stop();
  EXPECT_TRUE(mounter_->Unmount());  // ends what the reader asks after Stop: closing the file is a request too
  reader.join();
  EXPECT_THAT(error.load(), testing::AnyOf(EIO, ENOTCONN, ECONNABORTED));
  store().Release(fakes::MemoryStore::Kind::kRead, "/slow");
}

TEST_F(RealMount, ReadAheadCanBeRaisedByRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  struct stat found{};
  ASSERT_EQ(stat(point_.c_str(), &found), 0);  // the greeting is over
  ASSERT_TRUE(mounter_->RaiseReadAhead(1024));
  std::string content(2 * kChunkSize, 'x');
  store().AddFile("/big", content);
  EXPECT_EQ(ReadFile(In("/big")), content);
  EXPECT_LT(Count(profile::Operation::kRead), 12U);  // 16 and more of 128 KiB
}

}  // namespace
}  // namespace copper::fuse
