#include "copper/fetch/file_reader.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>

#include "copper/base/chunk_size.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::Await;
using fakes::TestJob;

// Keeps what arrives ahead, and can wait for it.
class CollectingSink final : public AheadSink {
 public:
  void OnAhead(uint64_t offset, Bytes bytes, std::move_only_function<void()> taken) override {
    const size_t size = bytes.size();
    bytes = {};
    taken();
    const std::lock_guard lock(mutex_);
    ++calls_[offset];
    size_[offset] = size;
    arrived_.notify_all();
  }
  bool WaitFor(size_t chunks) {
    std::unique_lock lock(mutex_);
    return arrived_.wait_for(lock, std::chrono::seconds(10), [&] { return calls_.size() >= chunks; });
  }
  std::map<uint64_t, int> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<uint64_t, int> calls_;
  std::map<uint64_t, size_t> size_;
};

class FileReaderTest : public testing::Test {
 protected:
  std::shared_ptr<FileReader> Open(const std::string& path) {
    return std::make_shared<FileReader>(job_.node(2).fetcher(),
                                        File{path, job_.node(2).Look(path)->attributes->version()}, sink_);
  }
  static size_t Read(FileReader& reader, uint64_t offset, size_t size) {
    const auto pieces = Await<std::vector<Bytes>>([&](auto done) { reader.Read(offset, size, std::move(done)); });
    size_t got = 0;
    if (pieces) {
      for (const Bytes& piece : *pieces) got += piece.size();
    }
    return got;
  }

  TestJob job_{3};
  std::shared_ptr<CollectingSink> sink_ = std::make_shared<CollectingSink>();
};

TEST_F(FileReaderTest, ALibraryArrivesAheadOfItsPageFaults) {
  job_.store().AddFile("/lib.so",
                       "\x7f"
                       "ELF" +
                           std::string(20 * kChunkSize, 'x'));
  const auto reader = Open("/lib.so");
  EXPECT_EQ(Read(*reader, 0, 4096), 4096u);
  ASSERT_TRUE(sink_->WaitFor(21));
  for (const auto& [offset, times] : sink_->calls()) EXPECT_EQ(times, 1) << offset;
  EXPECT_EQ(job_.store().counts("/lib.so").reads, 21u);
}

TEST_F(FileReaderTest, WhatThePageCacheTookIsKeptByItsRootAlone) {
  const std::string content =
      "\x7f"
      "ELF" +
      std::string(20 * kChunkSize - 4, 'x');
  job_.store().AddFile("/lib.so", content);
  const auto reader = Open("/lib.so");
  EXPECT_EQ(Read(*reader, 0, 4096), 4096u);
  ASSERT_TRUE(sink_->WaitFor(20));
  size_t rooted_here = 0;
  for (uint64_t chunk = 0; chunk < 20; ++chunk) {
    rooted_here += job_.forest().Root(job_.forest().OfChunk("/lib.so", content.size(), chunk)) == 2 ? 1 : 0;
  }
  EXPECT_EQ(job_.node(2).cache().data().usage().entries, rooted_here);
}

TEST_F(FileReaderTest, ASequentialReaderFindsTheNextChunksThere) {
  job_.store().AddFile("/data", std::string(30 * kChunkSize, 'x'));
  const auto reader = Open("/data");
  for (uint64_t offset = 0; offset < 4 * kChunkSize; offset += 128 * 1024)
    EXPECT_EQ(Read(*reader, offset, 128 * 1024), 128u * 1024);
  const FileVersion version = reader->file().version;
  const auto next =
      Await<Bytes>([&](auto done) { job_.node(2).fetcher().ReadChunk({"/data", version}, 6, std::move(done)); });
  EXPECT_TRUE(next);
  EXPECT_TRUE(sink_->calls().empty()) << "large reads of its own cost the kernel less";
  EXPECT_GE(job_.store().counts("/data").reads, 7u);
  EXPECT_LE(job_.store().counts("/data").reads, 4 + cache::ReadPattern::kMaxAhead)
      << "what nobody comes near is not fetched";
}

TEST_F(FileReaderTest, AFailureAheadIsHeardByWhoNeedsTheBytesOnly) {
  job_.store().AddFile("/data", std::string(4 * kChunkSize, 'x'));
  const auto reader = Open("/data");
  job_.store().Replace("/data", "changed");
  const auto pieces = Await<std::vector<Bytes>>([&](auto done) { reader->Read(0, 100, std::move(done)); });
  EXPECT_EQ(pieces.error().code, ESTALE);
  EXPECT_TRUE(sink_->calls().empty());
}

TEST_F(FileReaderTest, LocalFilesAreNotFetchedAhead) {
  TestJob job(1, {.max_cacheable = 10});
  job.store().AddFile("/lib.so",
                      "\x7f"
                      "ELF" +
                          std::string(2 * kChunkSize, 'x'));
  const auto reader = std::make_shared<FileReader>(
      job.node(0).fetcher(), File{"/lib.so", job.node(0).Look("/lib.so")->attributes->version()}, sink_);
  EXPECT_EQ(Read(*reader, 0, 4096), 4096u);
  EXPECT_EQ(job.store().counts("/lib.so").bytes_read, 4096u);
}

}  // namespace
}  // namespace copper::fetch
