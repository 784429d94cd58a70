#include "copper/rpc/waits.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace copper::rpc {
namespace {

using std::chrono::seconds;

class WaitListTest : public testing::Test {
 protected:
  fakes::FakeClock clock_;
  WaitList waits_{clock_, seconds(10)};
};

TEST_F(WaitListTest, AWaitIsOverWhenItsTokenGoes) {
  EXPECT_TRUE(waits_.empty());
  {
    WaitList::Token token = waits_.Begin(Doing::kReading, "/a");
    const WaitList::Token moved = std::move(token);
    EXPECT_FALSE(waits_.empty());
  }
  EXPECT_TRUE(waits_.empty());
}

TEST_F(WaitListTest, TheLongestComeFirstAndTheYoungNotAtAll) {
  const auto first = waits_.Begin(Doing::kReading, "/first");
  clock_.Advance(seconds(1));
  const auto second = waits_.Begin(Doing::kListing, "/second");
  const TimePoint began = clock_.Now();
  clock_.Advance(seconds(10));
  const auto young = waits_.Begin(Doing::kLooking, "/young");
  const auto longest = waits_.Longest(seconds(10), 5);
  ASSERT_EQ(longest.size(), 2U);
  EXPECT_EQ(longest[0].path, "/first");
  EXPECT_EQ(longest[1].path, "/second");
  EXPECT_EQ(waits_.Longest(seconds(10), 1).size(), 1U);
  EXPECT_EQ(waits_.LastOld(seconds(10)), began);
  EXPECT_EQ(waits_.LastOld(seconds(12)), std::nullopt);
}

TEST_F(WaitListTest, ALongWaitOfAKindIsToldOnceAndWhenItIsOver) {
  std::optional first = waits_.Begin(Doing::kReading, "/first");
  std::optional second = waits_.Begin(Doing::kReading, "/second");
  clock_.Advance(seconds(9));
  EXPECT_TRUE(waits_.TakeNews().empty());
  clock_.Advance(seconds(1));
  auto news = waits_.TakeNews();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news[0].wait.path, "/first");
  EXPECT_FALSE(news[0].is_over);
  first.reset();
  clock_.Advance(seconds(5));
  EXPECT_TRUE(waits_.TakeNews().empty()) << "another of the kind waits still";
  second.reset();
  news = waits_.TakeNews();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_TRUE(news[0].is_over);
  EXPECT_EQ(news[0].wait.path, "/second");
  EXPECT_EQ(news[0].waited, seconds(15));
  EXPECT_TRUE(waits_.TakeNews().empty());
}

TEST_F(WaitListTest, AShortWaitIsNoNews) {
  for (int i = 0; i < 3; ++i) {
    const auto wait = waits_.Begin(Doing::kReading, "/a");
    clock_.Advance(seconds(9));
    EXPECT_TRUE(waits_.TakeNews().empty());
  }
  EXPECT_TRUE(waits_.TakeNews().empty());
}

}  // namespace
}  // namespace copper::rpc
