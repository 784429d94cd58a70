// What one node of the kernel was shown of its file.
#include "copper/cache/shown.h"

#include <gtest/gtest.h>

#include "copper/cache/vouched_comparison.h"

namespace copper::cache {
namespace {

using Verdict = Shown::Verdict;

FileTime At(int64_t seconds) {
  return {seconds, 0};
}

Seal SealOf(char letter) {
  Seal seal{};
  seal.fill(static_cast<std::byte>(letter));
  return seal;
}

Chunk ChunkOf(char letter, int64_t ctime, bool alone = false) {
  return {.bytes = {}, .seal = SealOf(letter), .ctime = At(ctime), .alone = alone};
}

class ShownTest : public testing::Test {
 protected:
  Verdict Show(uint64_t chunk, char letter, int64_t ctime, Shown::Vouched vouched) {
    return shown_.Show(chunk, ChunkOf(letter, ctime, !vouched), vouched);
  }
  static constexpr Shown::Vouched kAlone{};

  Budget budget_{UINT64_MAX};
  Shown shown_{budget_};
};

TEST_F(ShownTest, WhatRootsVouchForInOneEpochIsOfOneVersionWhateverItsCtime) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(1, 'b', 7, 2), Verdict::kSettled);
  EXPECT_EQ(Show(2, 'c', 3, 2), Verdict::kSettled) << "read before the last";
}

TEST_F(ShownTest, WhatIsOfAnotherEpochOrAloneIsOfTheSameCtimeOrIsCompared) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(1, 'b', 1, 4), Verdict::kSettled);
  EXPECT_EQ(Show(2, 'c', 2, 4), Verdict::kAsk);
  EXPECT_EQ(Show(3, 'd', 2, kAlone), Verdict::kAsk);
  EXPECT_EQ(Show(4, 'e', 1, kAlone), Verdict::kSettled);
}

TEST_F(ShownTest, NobodyVouchesForAllOfItOnceAPartWasReadAlone) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(1, 'b', 1, kAlone), Verdict::kSettled);
  EXPECT_EQ(Show(2, 'c', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(3, 'd', 2, 2), Verdict::kAsk);
}

TEST_F(ShownTest, AnotherOfTheSameChunkHasChanged) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(0, 'b', 1, 2), Verdict::kChanged);
  EXPECT_EQ(Show(0, 'b', 1, kAlone), Verdict::kChanged);
}

TEST_F(ShownTest, WhatWasFoundEqualGoesOnAndWhatComesMeanwhileIsComparedToo) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(1, 'b', 2, 4), Verdict::kAsk);
  const Shown::Seals seals = shown_.BeginComparison();
  EXPECT_EQ(seals.chunks.size(), 2U);
  EXPECT_EQ(Show(2, 'c', 1, 2), Verdict::kAsk) << "it may be of neither";
  shown_.Settle(seals.comparison, At(2), 4);
  EXPECT_EQ(Show(3, 'd', 9, 4), Verdict::kSettled);
  EXPECT_EQ(Show(4, 'e', 1, 2), Verdict::kAsk);
}

TEST_F(ShownTest, AComparisonThatAnotherHasOvertakenSettlesNothing) {
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  const uint64_t first = shown_.BeginComparison().comparison;
  const uint64_t second = shown_.BeginComparison().comparison;
  shown_.Settle(first, At(5), 4);
  EXPECT_EQ(Show(1, 'b', 5, 4), Verdict::kAsk);
  shown_.Settle(second, At(5), 4);
  EXPECT_EQ(Show(1, 'b', 5, 4), Verdict::kSettled);
}

// A read that was under way when its file was found equal, as far as it was shown.
TEST_F(ShownTest, WhatComesAfterAComparisonOfNothingIsComparedUnlessItIsVouchedFor) {
  const Shown::Seals none = shown_.BeginComparison();
  EXPECT_EQ(none.chunks.size(), 0U);
  shown_.Settle(none.comparison, At(0), 4);
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kAsk) << "of before";
  EXPECT_EQ(Show(1, 'b', 7, 4), Verdict::kSettled);
}

TEST_F(ShownTest, MayBeComparedUnlessItWasRefusedOrIsTooMuch) {
  for (uint64_t chunk = 0; chunk < Shown::kMostAgain; ++chunk) ASSERT_EQ(Show(chunk, 'a', 1, 2), Verdict::kSettled);
  EXPECT_TRUE(shown_.MayBeCompared());
  EXPECT_EQ(Show(Shown::kMostAgain, 'a', 1, 2), Verdict::kSettled);
  EXPECT_FALSE(shown_.MayBeCompared());
  Shown other{budget_};
  other.Refuse();
  EXPECT_FALSE(other.MayBeCompared());
}

TEST_F(ShownTest, WhatIsRefusedIsRefusedForGood) {
  EXPECT_EQ(shown_.IsOf(At(1)), std::nullopt);
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(shown_.IsOf(At(1)), true);
  EXPECT_EQ(shown_.IsOf(At(2)), false);
  shown_.Refuse();
  EXPECT_EQ(shown_.IsOf(At(1)), false);
  EXPECT_EQ(Show(0, 'a', 1, 2), Verdict::kChanged);
}

TEST_F(ShownTest, MoreThanCanBeNotedCannotBeCompared) {
  for (uint64_t chunk = 0; chunk <= Shown::kMost; ++chunk) ASSERT_EQ(Show(chunk, 'a', 1, 2), Verdict::kSettled);
  EXPECT_EQ(Show(Shown::kMost + 1, 'a', 9, 2), Verdict::kSettled) << "it need not be";
  EXPECT_EQ(Show(0, 'a', 10, 4), Verdict::kChanged);
}

TEST(Shown, CountsInTheBudgetAsLongAsItLives) {
  Budget budget(UINT64_MAX);
  {
    Shown shown(budget);
    for (uint64_t chunk = 1000; chunk > 0; --chunk) {
      shown.Show(chunk, ChunkOf('a', 1), 2);  // NOLINT(bugprone-unused-return-value)
    }
    EXPECT_GE(budget.held(), 24'000U);
    EXPECT_LE(budget.held(), 80'000U);
  }
  EXPECT_EQ(budget.held(), 0U);
}

// Chunks come at once, or later by Answer().
class VouchedComparisonTest : public testing::Test {
 protected:
  void Compare(size_t chunks, bool at_once) {
    std::vector<std::pair<uint64_t, Seal>> seals;
    for (size_t chunk = 0; chunk < chunks; ++chunk) seals.emplace_back(chunk, SealOf('a'));
    const auto read = [this, at_once](uint64_t chunk, VouchedComparison::Found found) {
      asked_.push_back(chunk);
      if (at_once) return found(ChunkOf('a', static_cast<int64_t>(chunk)));
      found_ = std::move(found);
    };
    const auto done = [this](Result<FileTime> latest) { outcome_ = std::move(latest); };
    std::make_shared<VouchedComparison>(std::move(seals), read, done)->Run();
  }
  void Answer(const Result<Chunk>& chunk) { std::exchange(found_, {})(chunk); }

  std::vector<uint64_t> asked_;
  VouchedComparison::Found found_;
  std::optional<Result<FileTime>> outcome_;
};

TEST_F(VouchedComparisonTest, AMillionChunksThatAreThereAtOnceNeedNoStack) {
  Compare(1'000'000, /*at_once=*/true);
  ASSERT_TRUE(outcome_ && *outcome_);
  EXPECT_EQ(**outcome_, At(999'999)) << "the latest";
}

TEST_F(VouchedComparisonTest, OneAfterTheOther) {
  Compare(3, /*at_once=*/false);
  for (size_t chunk = 0; chunk < 3; ++chunk) {
    EXPECT_FALSE(outcome_);
    EXPECT_EQ(asked_.size(), chunk + 1);
    Answer(ChunkOf('a', 10 - static_cast<int64_t>(chunk)));
  }
  ASSERT_TRUE(outcome_ && *outcome_);
  EXPECT_EQ(**outcome_, At(10));
}

TEST_F(VouchedComparisonTest, EndsWithTheFirstThatDiffersOrCannotBeHad) {
  Compare(3, /*at_once=*/false);
  Answer(ChunkOf('a', 1));
  Answer(ChunkOf('b', 1));
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_EQ(outcome_->error().code, ESTALE);
  outcome_.reset();
  Compare(3, /*at_once=*/false);
  Answer(Fail(EHOSTDOWN));
  ASSERT_TRUE(outcome_ && !*outcome_);
  EXPECT_EQ(outcome_->error().code, EHOSTDOWN);
  EXPECT_EQ(asked_.size(), 3U);
}

TEST_F(VouchedComparisonTest, NothingIsEqual) {
  Compare(0, /*at_once=*/false);
  EXPECT_TRUE(outcome_ && *outcome_);
}

}  // namespace
}  // namespace copper::cache
