// Bytes that change on their way: nobody keeps them, nobody sees them, and whoever sent them is named.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "copper/base/chunk_size.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::TestJob;
using fakes::TestNode;
using profile::Event;

// A chain: rank 0 is the root of everything, 1 its child, 2 the leaf.
constexpr Rank kRoot = 0, kInner = 1, kLeaf = 2;

class CorruptionTest : public testing::Test {
 protected:
  // Flips a bit of every payload that goes from this rank to that one and has at least `least` bytes.
  void Corrupt(Rank from, Rank to, size_t least) {
    job_.fabric().SetTamper([=, this](Rank sender, Rank receiver, std::span<std::byte>, std::span<std::byte> payload) {
      if (sender != from || receiver != to || payload.size() < least || payload.empty()) return;
      payload[payload.size() * 2 / 3] ^= std::byte{1};
      ++changed_;
    });
  }
  uint64_t Corrupted(Rank rank) { return job_.node(rank).counters().Get(Event::kCorrupt); }
  static std::string TextOf(size_t size) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 1000) % 26);
    return text;
  }

  TestJob job_{3, {}, 1, 1};
  std::atomic<int> changed_{0};
};

TEST_F(CorruptionTest, ChunksAreReadElsewhere) {
  const std::string content = TextOf(3 * kChunkSize + 5000);
  job_.store().AddFile("/d/library.so", content);
  Corrupt(kInner, kLeaf, 5000);
  EXPECT_EQ(job_.node(kLeaf).ReadWhole("/d/library.so").value_or(""), content);
  EXPECT_EQ(changed_, 4);
  EXPECT_EQ(Corrupted(kLeaf), 4U);
  EXPECT_EQ(Corrupted(kInner), 0U);
  EXPECT_EQ(job_.node(kInner).ReadWhole("/d/library.so").value_or(""), content);
  EXPECT_EQ(job_.store().counts("/d/library.so").reads, 8U) << "the root each once, the leaf each once";
}

// Whoever is further down never sees what was changed further up.
TEST_F(CorruptionTest, WhatWasChangedIsNotPassedOn) {
  const std::string content = TextOf(kChunkSize);
  job_.store().AddFile("/d/file", content);
  Corrupt(kRoot, kInner, kChunkSize);
  EXPECT_EQ(job_.node(kLeaf).ReadWhole("/d/file").value_or(""), content);
  EXPECT_EQ(Corrupted(kInner), 1U);
  EXPECT_EQ(Corrupted(kLeaf), 0U);
}

// The memory of a rank that passes bytes on: the tag between neighbours is right, the seal is not.
TEST_F(CorruptionTest, SmallChunksAndHolesToo) {
  job_.store().AddFile("/d/small", "small");
  job_.store().AddFile("/d/hole", std::string(kChunkSize, '\0'));
  TestNode& inner = job_.node(kInner);
  ASSERT_TRUE(inner.ReadWhole("/d/small"));
  ASSERT_TRUE(inner.ReadWhole("/d/hole"));
  for (const auto& [path, wrong] : {std::pair{"/d/small", Bytes::Copy(std::as_bytes(std::span("smAll", 5)))},
                                    std::pair{"/d/hole", Bytes::Zeros(kChunkSize)}}) {
    const cache::ChunkKey key{path, job_.store().Peek(path).version(), 0, 0};
    cache::ChunkEntry entry = *inner.cache().data().Get(key);
    if (entry.chunk.bytes.charge() != 0) {
      entry.chunk.bytes = wrong;
    } else {
      const std::string text = TextOf(kChunkSize);
      entry.chunk.bytes = Bytes::Copy(std::as_bytes(std::span(text)));
    }
    inner.cache().data().Put(key, entry, 1);
  }
  EXPECT_EQ(job_.node(kLeaf).ReadWhole("/d/small").value_or(""), "small");
  EXPECT_EQ(job_.node(kLeaf).ReadWhole("/d/hole").value_or(""), std::string(kChunkSize, '\0'));
  EXPECT_EQ(Corrupted(kLeaf), 2U);
}

TEST_F(CorruptionTest, ListingsOfSeveralPieces) {
  constexpr size_t kNames = 12'000;
  for (size_t i = 0; i < kNames; ++i) job_.store().AddFile("/large/" + std::to_string(i) + std::string(100, 'n'), "");
  Corrupt(kInner, kLeaf, kChunkSize);
  const auto listed = job_.node(kLeaf).List("/large");
  ASSERT_TRUE(listed) << listed.error().code;
  EXPECT_EQ(listed->listing->size(), kNames);
  EXPECT_GE(changed_, 1);
  EXPECT_EQ(Corrupted(kLeaf), 1U);
}

}  // namespace
}  // namespace copper::fetch
