#include <atomic>
#include <random>
#include <thread>

#include "copper/base/chunk_size.h"
#include "copper/base/files.h"
#include "unit/storage/temp_tree.h"

namespace copper::storage {
namespace {

const std::string kStale = "errno " + std::to_string(ESTALE);

std::string RandomText(size_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

size_t OpenDescriptors() {
  const auto descriptors = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(descriptors), end(descriptors)));
}

class ReadTest : public SourceTest {};

TEST_F(ReadTest, GivesTheRangeCutAtTheEnd) {
  const std::string content = RandomText(3 * kChunkSize + 17, 1);
  tree_.Write("/file", content);
  const FileVersion version = VersionOf("/file");
  for (const auto& [offset, length] : std::vector<std::pair<size_t, size_t>>{
           {0, 1}, {0, kChunkSize}, {kChunkSize - 1, 2}, {5, content.size()}, {3 * kChunkSize, kChunkSize}}) {
    EXPECT_EQ(ReadText("/file", version, offset, length), content.substr(offset, length)) << offset;
  }
  EXPECT_EQ(ReadText("/file", version, content.size(), 10), "");
  EXPECT_EQ(ReadText("/file", version, UINT64_MAX, 10), "");
}

TEST_F(ReadTest, AnEmptyFileIsEmpty) {
  tree_.Write("/empty", "");
  EXPECT_EQ(ReadText("/empty", VersionOf("/empty"), 0, 100), "");
}

TEST_F(ReadTest, ZerosCostNoMemory) {
  tree_.Write("/zeros", std::string(100'000, '\0'));
  const auto bytes = store_->Read("/zeros", VersionOf("/zeros"), 0, kChunkSize);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 100'000U);
  EXPECT_EQ(bytes->charge(), 0U);
  EXPECT_TRUE(IsZero(bytes->span()));
}

TEST_F(ReadTest, EveryOtherVersionIsStale) {
  const auto make = [this](const std::string& path) {
    tree_.Write(path, "old content");
    tree_.Age(path, 100);
    return VersionOf(path);
  };
  const FileVersion replaced = make("/replaced");
  tree_.Write("/new", "new content");
  ASSERT_EQ(rename(tree_.At("/new").c_str(), tree_.At("/replaced").c_str()), 0);
  EXPECT_EQ(ReadText("/replaced", replaced, 0, 100), kStale);

  const FileVersion rewritten = make("/rewritten");
  tree_.Write("/rewritten", "other words");
  EXPECT_EQ(ReadText("/rewritten", rewritten, 0, 100), kStale);

  const FileVersion truncated = make("/truncated");
  ASSERT_EQ(truncate(tree_.At("/truncated").c_str(), 3), 0);
  EXPECT_EQ(ReadText("/truncated", truncated, 0, 3), kStale);

  const FileVersion appended = make("/appended");
  std::ofstream(tree_.At("/appended"), std::ios::app) << "more";
  EXPECT_EQ(ReadText("/appended", appended, 0, 3), kStale);

  const FileVersion removed = make("/removed");
  ASSERT_EQ(unlink(tree_.At("/removed").c_str()), 0);
  EXPECT_EQ(ReadText("/removed", removed, 0, 3), kStale);
}

TEST_F(ReadTest, APathThatLeadsElsewhereNowIsStale) {
  tree_.MakeDirectory("/d");
  tree_.Write("/d/file", "hello");
  const FileVersion version = VersionOf("/d/file");
  std::filesystem::rename(tree_.At("/d"), tree_.At("/e"));
  ASSERT_EQ(symlink("e", tree_.At("/d").c_str()), 0);
  EXPECT_EQ(ReadText("/d/file", version, 0, 5), kStale);
  EXPECT_EQ(ReadText("/e/file", version, 0, 5), "hello");
}

TEST_F(ReadTest, WhatIsKeptOpenIsCheckedAllTheSame) {
  const std::string content = RandomText(4 * kChunkSize, 2);
  tree_.Write("/file", content);
  tree_.Age("/file", 100);
  const FileVersion version = VersionOf("/file");
  EXPECT_EQ(ReadText("/file", version, 0, kChunkSize), content.substr(0, kChunkSize));
  tree_.Write("/file", RandomText(4 * kChunkSize, 3));  // the same inode and size
  EXPECT_EQ(ReadText("/file", version, kChunkSize, kChunkSize), kStale);
}

TEST_F(ReadTest, AFileKeptOpenOutlivesItsName) {
  const std::string content = RandomText(2 * kChunkSize, 2);
  tree_.Write("/file", content);
  const FileVersion version = VersionOf("/file");
  ReadText("/file", version, 0, kChunkSize);
  ASSERT_EQ(unlink(tree_.At("/file").c_str()), 0);
  EXPECT_EQ(ReadText("/file", version, kChunkSize, kChunkSize), content.substr(kChunkSize));
}

// Whatever a writer does, a reader gets bytes of the version that it asked for, or ESTALE.
TEST_F(ReadTest, NeverMixesVersions) {
  constexpr size_t kSize = 600'000;
  tree_.Write("/file", std::string(kSize, 'a'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (char c = 'b'; !stop; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
      tree_.Write("/next", std::string(kSize, c));
      std::filesystem::rename(tree_.At("/next"), tree_.At("/file"));
    }
  });
  int whole = 0;
  for (int i = 0; i < 100; ++i) {
    const FileVersion version = VersionOf("/file");
    const std::string text = ReadText("/file", version, 0, kSize);
    if (text == kStale) continue;
    ASSERT_EQ(text, std::string(kSize, text[0]));
    ++whole;
  }
  stop = true;
  writer.join();
  EXPECT_GT(whole, 0);
}

TEST_F(ReadTest, SpecialFilesAreNotOpened) {
  ASSERT_EQ(mkfifo(tree_.At("/fifo").c_str(), 0600), 0);
  tree_.MakeDirectory("/d");
  // A version that ends later than it begins, else there is nothing to read.
  FileVersion fifo = VersionOf("/fifo");
  fifo.size = 10;
  EXPECT_EQ(CodeOf(store_->Read("/fifo", fifo, 0, 10)), ESTALE);
  EXPECT_EQ(CodeOf(store_->Read("/d", VersionOf("/d"), 0, 10)), EISDIR);
}

TEST_F(ReadTest, KeepsFewDescriptorsAndClosesThem) {
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 60; ++i) {
    const std::string path = "/file" + std::to_string(i);
    tree_.Write(path, "");
    ASSERT_EQ(truncate(tree_.At(path).c_str(), 2 * kChunkSize), 0);
    ASSERT_TRUE(store_->Read(path, VersionOf(path), 0, kChunkSize));
  }
  EXPECT_LE(OpenDescriptors(), before + 32);
  EXPECT_GT(OpenDescriptors(), before);
  store_.reset();
  EXPECT_LT(OpenDescriptors(), before);
}

TEST_F(ReadTest, SeeksToDataAndHolesLikeTheSource) {
  constexpr off_t kData = off_t{5} << 30;
  const int file = open(tree_.At("/sparse").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_EQ(pwrite(file, "here", 4, kData), 4);
  ASSERT_EQ(ftruncate(file, off_t{6} << 30), 0);
  const FileVersion version = VersionOf("/sparse");
  for (const off_t offset : {off_t{0}, kData, kData + 4096 * 4, off_t{6} << 30}) {
    for (const int whence : {SEEK_DATA, SEEK_HOLE}) {
      const off_t theirs = lseek(file, offset, whence);
      const int error = errno;
      const auto ours = store_->Seek("/sparse", version, static_cast<uint64_t>(offset), whence);
      EXPECT_EQ(CodeOf(ours), theirs < 0 ? error : 0) << offset;
      if (ours) {
        EXPECT_EQ(*ours, static_cast<uint64_t>(theirs)) << offset;
      }
    }
  }
  EXPECT_EQ(ReadText("/sparse", version, static_cast<uint64_t>(kData) - 2, 8), std::string("\0\0here\0\0", 8));
  EXPECT_EQ(store_->Read("/sparse", version, kChunkSize, kChunkSize)->charge(), 0U);
  EXPECT_EQ(CodeOf(store_->Seek("/sparse", version, 0, SEEK_SET)), EINVAL);
  ASSERT_EQ(ftruncate(file, 10), 0);
  EXPECT_EQ(CodeOf(store_->Seek("/sparse", version, 0, SEEK_DATA)), ESTALE);
  close(file);
}

TEST_F(ReadTest, ManyThreadsAtOnce) {
  const std::string content = RandomText(24 * kChunkSize, 4);
  tree_.Write("/large", content);
  tree_.Write("/small", "small");
  const FileVersion large = VersionOf("/large");
  const FileVersion small = VersionOf("/small");
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 24; ++i) {
        const size_t offset = (i * 7 + t) % 24 * kChunkSize;
        if (ReadText("/large", large, offset, kChunkSize) != content.substr(offset, kChunkSize)) ++wrong;
        if (ReadText("/small", small, 0, 100) != "small") ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(store_->counters().reads, 12U * 24 * 2);
  EXPECT_EQ(store_->counters().bytes_read, 12U * 24 * (kChunkSize + 5));
}

TEST(PseudoFiles, AreReadToTheirTrueEnd) {
  const std::vector<Mount> mounts = {{.point = "/proc", .type = "proc", .source = "proc"}};
  const FileSystems file_systems({.target = "/proc"}, mounts, std::vector<std::string>(), "");
  const SteadyClock clock;
  const auto store = PosixStore::Open("/proc", file_systems, clock);
  ASSERT_TRUE(store);
  const auto attributes = (*store)->Look("/version");
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->size, PosixStore::kPseudoSize);
  const auto bytes = (*store)->Read("/version", attributes->version(), 0, kChunkSize);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size()), *ReadWholeFile("/proc/version"));
  EXPECT_EQ((*store)->Read("/version", attributes->version(), bytes->size(), 10)->size(), 0U);
  EXPECT_FALSE((*store)->List("/sys", 0)->answers_absence());
}

}  // namespace
}  // namespace copper::storage
