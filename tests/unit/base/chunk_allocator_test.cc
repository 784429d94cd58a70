#include "copper/base/chunk_allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "copper/base/chunk_size.h"

namespace copper {
namespace {

TEST(ChunkAllocator, ChunksAreDisjointAndKeepTheirBytes) {
  ChunkAllocator chunks;
  std::vector<Bytes> held;
  for (int i = 0; i < 9; ++i) {
    Buffer buffer = chunks.Allocate(kChunkSize);
    std::memset(buffer.data(), i + 1, kChunkSize);
    held.push_back(std::move(buffer).Freeze(kChunkSize));
  }
  for (size_t i = 0; i < held.size(); ++i) {
    for (const size_t at : {size_t{0}, kChunkSize / 2, kChunkSize - 1}) EXPECT_EQ(held[i].data()[at], std::byte(i + 1));
  }
}

TEST(ChunkAllocator, AFreedHalfIsUsedBeforeANewSlab) {
  ChunkAllocator chunks;
  Buffer first = chunks.Allocate(kChunkSize);
  Buffer second = chunks.Allocate(kChunkSize);
  const std::byte* const place = first.data();
  first = Buffer();
  EXPECT_EQ(chunks.Allocate(kChunkSize).data(), place);
}

TEST(ChunkAllocator, SmallRunsAreRightSized) {
  ChunkAllocator chunks;
  EXPECT_EQ(chunks.Allocate(1000).Freeze(1000).charge(), 1000u);
}

TEST(ChunkAllocator, BytesOutliveTheAllocator) {
  Bytes bytes;
  {
    ChunkAllocator chunks;
    Buffer buffer = chunks.Allocate(kChunkSize);
    buffer.data()[7] = std::byte{42};
    bytes = std::move(buffer).Freeze(kChunkSize);
  }
  EXPECT_EQ(bytes.data()[7], std::byte{42});
}

TEST(ChunkAllocator, ManyThreadsAtOnce) {
  ChunkAllocator chunks;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&chunks] {
      std::vector<Bytes> held;
      for (int i = 0; i < 200; ++i) {
        Buffer buffer = chunks.Allocate(kChunkSize);
        buffer.data()[0] = std::byte{1};
        held.push_back(std::move(buffer).Freeze(kChunkSize));
        if (held.size() > 5) held.erase(held.begin() + i % 5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace copper
