// A directory of a test's own, removed at its end; and a store on it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "copper/base/clock.h"
#include "copper/storage/file_systems.h"
#include "copper/storage/posix_store.h"

namespace copper::storage {

class TempTree {
 public:
  TempTree() {
    char name[] = "/tmp/copper-storage-XXXXXX";
    if (mkdtemp(name) == nullptr) throw std::filesystem::filesystem_error("mkdtemp", {errno, std::generic_category()});
    root_ = name;
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
  }
  ~TempTree() { std::filesystem::remove_all(root_); }
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;

  const std::string& root() const { return root_; }
  std::string At(const std::string& path) const { return root_ + path; }
  void MakeDirectory(const std::string& path) const { std::filesystem::create_directories(At(path)); }
  void Write(const std::string& path, const std::string& content) const {
    std::ofstream(At(path), std::ios::binary | std::ios::trunc) << content;
  }
  // Sets atime and mtime to this many seconds ago.
  void Age(const std::string& path, int seconds) const {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec -= seconds;
    const timespec times[] = {now, now};
    ASSERT_EQ(utimensat(AT_FDCWD, At(path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
  }

 private:
  std::string root_;
};

class SourceTest : public testing::Test {
 protected:
  // A store on the tree, with a mount table of the test's own.
  void OpenStore(FileSystems::Options options = {}, std::vector<Mount> mounts = {}) {
    options.target = tree_.root();
    file_systems_ =
        std::make_unique<FileSystems>(std::move(options), std::move(mounts), std::vector<std::string>(), "");
    auto store = PosixStore::Open(tree_.root(), *file_systems_, clock_, {}, {}, [this] { return now_(); });
    ASSERT_TRUE(store) << store.error().Describe();
    store_ = std::move(*store);
  }
  void SetUp() override { OpenStore(); }

  // As if `path` had had its last change, or been left alone, for so long. This time is held against all others.
  void ItIsLater(const std::string& path, std::chrono::nanoseconds age) {
    struct stat found{};
    ASSERT_EQ(lstat(tree_.At(path).c_str(), &found), 0);
    const int64_t changed = found.st_ctim.tv_sec * int64_t{FileTime::kPerSecond} + found.st_ctim.tv_nsec;
    now_ = [now = FileTime::FromNanoseconds(changed + age.count())] { return now; };
  }

  FileVersion VersionOf(const std::string& path) {
    const auto attributes = store_->Look(path);
    return attributes ? attributes->version() : FileVersion{};
  }
  // What Read gives, as text; "errno N" where it fails.
  std::string ReadText(const std::string& path, const FileVersion& version, uint64_t offset, size_t length) {
    const auto bytes = store_->Read(path, version, offset, length);
    if (!bytes) return "errno " + std::to_string(bytes.error().code);
    return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  }

  TempTree tree_;
  SteadyClock clock_;
  PosixStore::Now now_ = FileTime::Now;
  std::unique_ptr<FileSystems> file_systems_;
  std::unique_ptr<PosixStore> store_;
};

template <class T>
int CodeOf(const Result<T>& result) {
  return result ? 0 : result.error().code;
}

}  // namespace copper::storage
