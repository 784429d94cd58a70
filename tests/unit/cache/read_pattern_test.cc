#include "copper/cache/read_pattern.h"

#include <gtest/gtest.h>

#include "copper/base/chunk_size.h"

namespace copper::cache {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = kChunkSize;

TEST(ReadPattern, ASmallFileReadWholeNeedsNothingMore) {
  ReadPattern pattern(20 * kKiB);
  EXPECT_EQ(pattern.OnRead(0, 20 * kKiB), (ReadPattern::Ahead{}));
}

TEST(ReadPattern, TheRestOfASmallFileComesWithItsBeginning) {
  ReadPattern pattern(200 * kKiB);
  EXPECT_EQ(pattern.OnRead(0, 16 * kKiB), (ReadPattern::Ahead{0, 1, true}));
}

TEST(ReadPattern, OneLookAtTheBeginningOfALargeFileFetchesNothingAhead) {
  ReadPattern pattern(500 * kMiB);
  EXPECT_EQ(pattern.OnRead(0, 128 * kKiB), (ReadPattern::Ahead{}));
}

TEST(ReadPattern, ALibraryIsFetchedWhole) {
  ReadPattern pattern(30 * kMiB);
  pattern.SetLibrary();
  EXPECT_EQ(pattern.OnRead(0, 16 * kKiB), (ReadPattern::Ahead{0, 30, true}));
}

TEST(ReadPattern, ASequentialReaderGetsAGrowingWindow) {
  ReadPattern pattern(100 * kMiB);
  uint64_t widest = 0, last_end = 0;
  for (uint64_t offset = 0; offset < 20 * kMiB; offset += 128 * kKiB) {
    const auto ahead = pattern.OnRead(offset, 128 * kKiB);
    EXPECT_FALSE(ahead.whole);
    EXPECT_GE(std::max(ahead.end, last_end), last_end);
    last_end = std::max(ahead.end, last_end);
    widest = std::max(widest, ahead.end - ahead.first);
  }
  EXPECT_EQ(widest, ReadPattern::kMaxAhead);
  EXPECT_EQ(last_end, 20 + ReadPattern::kMaxAhead);
}

TEST(ReadPattern, TheWindowEndsWithTheFile) {
  ReadPattern pattern(3 * kMiB + 5);
  for (uint64_t offset = 0; offset < 3 * kMiB; offset += 128 * kKiB) {
    EXPECT_LE(pattern.OnRead(offset, 128 * kKiB).end, 4u);
  }
}

TEST(ReadPattern, ReadsOfOneStreamOutOfOrderStayOneStream) {
  ReadPattern pattern(100 * kMiB);
  pattern.OnRead(0, 128 * kKiB);
  pattern.OnRead(256 * kKiB, 128 * kKiB);
  EXPECT_GT(pattern.OnRead(128 * kKiB, 128 * kKiB).end, 0u);
}

TEST(ReadPattern, AReaderThatSkipsWhatWasStoredAheadStillReadsSequentially) {
  ReadPattern pattern(100 * kMiB);
  pattern.OnRead(0, 128 * kKiB);
  pattern.OnRead(128 * kKiB, 128 * kKiB);
  EXPECT_GT(pattern.OnRead(5 * kMiB - 128 * kKiB, 128 * kKiB).end, 5u);
}

TEST(ReadPattern, ScatteredFaultsOfAMappingFetchTheWholeFile) {
  ReadPattern pattern(60 * kMiB);
  EXPECT_FALSE(pattern.OnRead(0, 4 * kKiB).whole);
  EXPECT_FALSE(pattern.OnRead(40 * kMiB, 128 * kKiB).whole);
  EXPECT_EQ(pattern.OnRead(20 * kMiB, 128 * kKiB), (ReadPattern::Ahead{0, 60, true}));
}

TEST(ReadPattern, ScatteredReadsOfAHugeFileFetchNothing) {
  ReadPattern pattern(4096 * kMiB);
  for (const uint64_t at : {3000, 100, 2000, 50, 4000})
    EXPECT_EQ(pattern.OnRead(at * kMiB, 4 * kKiB), (ReadPattern::Ahead{}));
}

}  // namespace
}  // namespace copper::cache
