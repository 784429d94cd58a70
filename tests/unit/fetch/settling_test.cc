// A ctime that alone changes: content decides, once per change.
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>

#include "copper/base/chunk_size.h"
#include "fakes/test_job.h"

namespace copper::fetch {
namespace {

using fakes::MemoryStore;
using fakes::TestJob;
using fakes::TestNode;

constexpr uint64_t kChunks = 40;
constexpr char kPath[] = "/d/file";

std::string TextOf(char letter, size_t size = kChunks * kChunkSize) {
  std::string text(size, letter);
  for (size_t i = 0; i < size; i += 4096) text[i] = static_cast<char>('0' + i / kChunkSize % 10);
  return text;
}

class SettlingTest : public testing::TestWithParam<uint32_t> {
 protected:
  MemoryStore& store() { return job_.store(); }
  TestNode& last() { return job_.node(job_.ranks() - 1); }
  Result<std::string> Chunk(TestNode& node, const File& file, uint64_t chunk) {
    return node.Read(file, chunk * kChunkSize, kChunkSize);
  }
  uint64_t reads() { return store().counts(kPath).reads; }
  void Refresh(uint64_t number) {
    for (Rank rank = 0; rank < job_.ranks(); ++rank) job_.node(rank).fetcher().BeginRefresh({0, number}, kPath, kNever);
    for (Rank rank = 0; rank < job_.ranks(); ++rank)
      job_.node(rank).fetcher().EndRefresh({0, number}, kPath, [](bool) {});
  }

  const std::string old_ = TextOf('o');
  const std::string new_ = TextOf('n');
  TestJob job_{GetParam()};
  const File file_ = [this] {
    store().AddFile(kPath, old_);
    return File{kPath, store().Peek(kPath).version()};
  }();
};

INSTANTIATE_TEST_SUITE_P(Ranks, SettlingTest, testing::Values(1U, 2U, 4U));

TEST_P(SettlingTest, BytesThatWereRewrittenUnderTheSameTimesAreNeverMixedWithOthers) {
  EXPECT_EQ(Chunk(last(), file_, 0).value_or(""), old_.substr(0, kChunkSize));
  store().RewriteRestoring(kPath, new_);
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (uint64_t chunk = 0; chunk < kChunks; chunk += 3) {
      const Result<std::string> read = Chunk(job_.node(rank), file_, chunk);
      if (read) {
        EXPECT_EQ(*read, old_.substr(chunk * kChunkSize, kChunkSize)) << chunk << ": what was read before";
        EXPECT_EQ(chunk, 0U);
      } else {
        EXPECT_EQ(read.error().code, ESTALE);
      }
    }
  }
}

TEST_P(SettlingTest, AChangedPartIsFoundWhereverItIs) {
  EXPECT_EQ(Chunk(last(), file_, 39).value_or(""), old_.substr(39 * kChunkSize));
  EXPECT_EQ(Chunk(last(), file_, 17).value_or(""), old_.substr(17 * kChunkSize, kChunkSize));
  std::string changed = old_;
  changed[17 * kChunkSize + 5] ^= 1;
  store().RewriteRestoring(kPath, changed);
  const Result<std::string> other = Chunk(last(), file_, 1);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ESTALE);
}

TEST_P(SettlingTest, AnUnchangedFileIsReadAgainOncePerChangeAndDisturbsNobody) {
  constexpr uint64_t kBefore = 20;
  for (uint64_t chunk = 0; chunk < kBefore; ++chunk) ASSERT_TRUE(Chunk(last(), file_, chunk));
  EXPECT_EQ(reads(), kBefore);
  store().TouchCtime(kPath);
  for (uint64_t chunk = kBefore; chunk < kChunks; ++chunk) {
    EXPECT_EQ(Chunk(last(), file_, chunk).value_or(""), old_.substr(chunk * kChunkSize, kChunkSize)) << chunk;
  }
  // Again: what had been read, and what asked about it. What was read meanwhile comes in addition.
  EXPECT_GE(reads(), kChunks + kBefore + 1);
  EXPECT_LE(reads(), kChunks + kBefore + 2 * job_.ranks());
  for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).ReadWhole(kPath).value_or(""), old_);
}

TEST_P(SettlingTest, ManyChangesDisturbNobodyEither) {
  for (uint64_t chunk = 0; chunk < kChunks; ++chunk) {
    store().TouchCtime(kPath);
    EXPECT_EQ(Chunk(job_.node(chunk % job_.ranks()), file_, chunk).value_or(""),
              old_.substr(chunk * kChunkSize, kChunkSize));
  }
}

TEST_P(SettlingTest, WhatNobodyHasReadYetIsWhatItIsNow) {
  store().RewriteRestoring(kPath, new_);
  for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).ReadWhole(kPath).value_or(""), new_);
  EXPECT_EQ(reads(), kChunks);
}

TEST_P(SettlingTest, ARefreshMovesOn) {
  ASSERT_TRUE(Chunk(last(), file_, 0));
  store().RewriteRestoring(kPath, new_);
  ASSERT_FALSE(Chunk(last(), file_, 9));
  Refresh(1);
  for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).ReadWhole(kPath).value_or(""), new_);
}

TEST_P(SettlingTest, WhatIsReadBetweenThePassesOfARefreshIsNotForgottenByItsSecond) {
  ASSERT_TRUE(Chunk(last(), file_, 0));
  for (Rank rank = 0; rank < job_.ranks(); ++rank) job_.node(rank).fetcher().BeginRefresh({0, 1}, kPath, kNever);
  EXPECT_EQ(Chunk(last(), file_, 0).value_or(""), old_.substr(0, kChunkSize));
  for (Rank rank = 0; rank < job_.ranks(); ++rank) job_.node(rank).fetcher().EndRefresh({0, 1}, kPath, [](bool) {});
  store().RewriteRestoring(kPath, new_);
  const Result<std::string> other = Chunk(last(), file_, 9);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ESTALE);
}

TEST_P(SettlingTest, ARefreshOfWhatOnlyHasAnotherCtimeDisturbsNobody) {
  for (uint64_t number = 1; number <= 3; ++number) {
    for (Rank rank = 0; rank < job_.ranks(); ++rank) EXPECT_EQ(job_.node(rank).ReadWhole(kPath).value_or(""), old_);
    store().TouchCtime(kPath);
    Refresh(number);
  }
  EXPECT_LE(reads(), 3 * kChunks) << "nothing is read for a comparison with what was before a refresh";
}

// Who has it open still has what he has read before the refresh.
TEST_P(SettlingTest, WhoHasItOpenSeesNoMixAcrossARefreshEither) {
  for (Rank rank = 0; rank < job_.ranks(); ++rank) ASSERT_TRUE(Chunk(job_.node(rank), file_, 3 * rank));
  store().RewriteRestoring(kPath, new_);
  Refresh(1);
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (uint64_t chunk = 0; chunk < kChunks; chunk += 3) {
      const Result<std::string> other = Chunk(job_.node(rank), file_, chunk);
      ASSERT_FALSE(other) << rank << " " << chunk;
      EXPECT_EQ(other.error().code, ESTALE);
    }
    EXPECT_EQ(job_.node(rank).ReadWhole(kPath).value_or(""), new_) << "who opens it now";
  }
}

TEST_P(SettlingTest, WhoHasItOpenGoesOnAcrossARefreshAndTheSourceIsReadOnce) {
  constexpr uint64_t kBefore = 10;
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (uint64_t chunk = 0; chunk < kBefore; ++chunk) ASSERT_TRUE(Chunk(job_.node(rank), file_, chunk));
  }
  store().TouchCtime(kPath);
  Refresh(1);
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    for (uint64_t chunk = kBefore; chunk < kChunks; ++chunk) {
      EXPECT_EQ(Chunk(job_.node(rank), file_, chunk).value_or(""), old_.substr(chunk * kChunkSize, kChunkSize));
    }
  }
  EXPECT_LE(reads(), kChunks + kBefore) << "compared through the trees";
}

TEST_P(SettlingTest, APartThatWasChangedAcrossARefreshIsFound) {
  for (uint64_t chunk = 0; chunk < 5; ++chunk) ASSERT_TRUE(Chunk(last(), file_, chunk));
  std::string changed = old_;
  changed[4 * kChunkSize + 7] ^= 1;
  store().RewriteRestoring(kPath, changed);
  Refresh(1);
  const Result<std::string> other = Chunk(last(), file_, 9);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ESTALE);
}

TEST_P(SettlingTest, WhatIsReadWhileItIsComparedIsReadAgain) {
  ASSERT_TRUE(Chunk(last(), file_, 0));
  store().TouchCtime(kPath);
  store().Block(MemoryStore::Kind::kRead, kPath);
  std::vector<std::future<Result<std::string>>> readers;
  for (Rank rank = 0; rank < job_.ranks(); ++rank) {
    readers.push_back(std::async(std::launch::async, [this, rank] { return job_.node(rank).ReadWhole(kPath); }));
  }
  ASSERT_TRUE(store().WaitUntilBlocked(MemoryStore::Kind::kRead, kPath, 1));
  store().Release(MemoryStore::Kind::kRead, kPath);
  for (auto& reader : readers) EXPECT_EQ(reader.get().value_or(""), old_);
}

// Each rank in turn is the one that nobody hears any more; it may be the root of the name, of chunks, or neither.
class SettlingWithout : public testing::TestWithParam<Rank> {
 protected:
  static constexpr Rank kRanks = 4;
  static constexpr uint64_t kStep = 7;  // in no rhythm with the stripes

  MemoryStore& store() { return job_.store(); }
  void Lose() {
    job_.fabric().SetFilter([](Rank from, Rank to) {
      return from == GetParam() || to == GetParam() ? fakes::Fate::kDrop : fakes::Fate::kDeliver;
    });
  }
  std::string PartOf(const std::string& text, uint64_t chunk) { return text.substr(chunk * kChunkSize, kChunkSize); }
  Result<std::string> Chunk(Rank rank, uint64_t chunk) {
    auto read =
        std::async(std::launch::async, [&] { return job_.node(rank).Read(file_, chunk * kChunkSize, kChunkSize); });
    Duration passed{};
    return job_.PassUntil(read, passed);
  }
  // What living ranks have read is never of two versions.
  void ExpectNoMix() {
    for (Rank rank = 0; rank < kRanks; ++rank) {
      if (rank == GetParam()) continue;
      for (uint64_t chunk = 0; chunk < kChunks; chunk += kStep) Note(rank, chunk, Chunk(rank, chunk));
    }
  }
  void Note(Rank rank, uint64_t chunk, const Result<std::string>& read) {
    if (!read) {
      EXPECT_EQ(read.error().code, ESTALE);
      return;
    }
    const bool is_new = *read == PartOf(new_, chunk);
    EXPECT_TRUE(is_new || *read == PartOf(old_, chunk));
    EXPECT_EQ(saw_.try_emplace(rank, is_new).first->second, is_new) << "rank " << rank << ", chunk " << chunk;
  }

  const std::string old_ = TextOf('o');
  const std::string new_ = TextOf('n');
  TestJob job_{kRanks};
  const File file_ = [this] {
    store().AddFile(kPath, old_);
    return File{kPath, store().Peek(kPath).version()};
  }();
  std::map<Rank, bool> saw_;  // the new version, or the old one
};

INSTANTIATE_TEST_SUITE_P(Ranks, SettlingWithout, testing::Range(0U, 4U));

TEST_P(SettlingWithout, NobodySeesAMixOfWhatWasReadBeforeAndAfterItWasRewritten) {
  for (Rank rank = 0; rank < kRanks; ++rank) Note(rank, 11 * rank, Chunk(rank, 11 * rank));
  Lose();
  store().RewriteRestoring(kPath, new_);
  ExpectNoMix();
  ExpectNoMix();
}

TEST_P(SettlingWithout, NobodySeesAMixWhereItIsRewrittenWhileTheRankIsLost) {
  Lose();
  for (Rank rank = 0; rank < kRanks; ++rank) {
    if (rank != GetParam()) Note(rank, 5 * rank, Chunk(rank, 5 * rank));
  }
  store().RewriteRestoring(kPath, new_);
  ExpectNoMix();
}

TEST_P(SettlingWithout, NobodySeesAMixWhenTheRankIsBack) {
  for (Rank rank = 0; rank < kRanks; ++rank) Note(rank, 11 * rank, Chunk(rank, 11 * rank));
  Lose();
  store().RewriteRestoring(kPath, new_);
  ExpectNoMix();
  job_.fabric().SetFilter(nullptr);
  job_.Pass(std::chrono::seconds(30));
  ExpectNoMix();
}

TEST_P(SettlingWithout, WhatIsTheSameDisturbsNobody) {
  for (Rank rank = 0; rank < kRanks; ++rank) EXPECT_EQ(Chunk(rank, 11 * rank).value_or(""), PartOf(old_, 11 * rank));
  Lose();
  for (int change = 0; change < 2; ++change) {
    for (Rank rank = 0; rank < kRanks; ++rank) {
      if (rank == GetParam()) continue;
      for (uint64_t chunk = change; chunk < kChunks; chunk += 5) {
        EXPECT_EQ(Chunk(rank, chunk).value_or("none"), PartOf(old_, chunk)) << rank << " " << chunk;
      }
    }
    store().TouchCtime(kPath);
  }
}

}  // namespace
}  // namespace copper::fetch
