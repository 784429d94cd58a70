#include "../../../src/fetch/parent.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::fetch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using News = Parent::News;

class ParentTest : public testing::Test {
 protected:
  // Time passes.
  TimePoint After(Duration time) { return now_ += time; }
  void Lose() {
    parent_.OnAsked(now_);
    parent_.OnFailure();
    ASSERT_TRUE(parent_.TakeProbe(now_));
    ASSERT_EQ(parent_.OnProbe(false, now_), News::kLost);
  }
  // Looks every 100 ms, as ticks do, at most this long; how long it took to a probe.
  std::optional<Duration> UntilProbe(Duration longest) {
    for (Duration passed{}; passed <= longest; passed += milliseconds(100)) {
      if (parent_.TakeProbe(now_ + passed)) {
        now_ += passed;
        return passed;
      }
    }
    return std::nullopt;
  }

  TimePoint now_ = TimePoint(std::chrono::hours(1));
  Parent parent_;
};

TEST_F(ParentTest, IsNotProbedWhileNobodyAsksIt) {
  EXPECT_FALSE(parent_.NeedsTicks());
  EXPECT_FALSE(parent_.TakeProbe(After(std::chrono::hours(1))));
}

TEST_F(ParentTest, IsNotProbedWhileItAnswersAnything) {
  parent_.OnAsked(now_);  // a slow one
  for (int i = 0; i < 100; ++i) {
    parent_.OnAsked(now_);
    parent_.OnAnswer(After(milliseconds(900)));
    EXPECT_FALSE(parent_.TakeProbe(now_));
  }
}

TEST_F(ParentTest, SilenceIsCountedFromTheFirstRequestThatWaits) {
  parent_.OnAsked(now_);
  parent_.OnAnswer(now_);
  After(std::chrono::hours(1));
  parent_.OnAsked(now_);
  EXPECT_TRUE(parent_.NeedsTicks());
  EXPECT_FALSE(parent_.TakeProbe(now_ + milliseconds(999)));
  EXPECT_TRUE(parent_.TakeProbe(now_ + seconds(1)));
  EXPECT_FALSE(parent_.TakeProbe(now_ + seconds(2))) << "one at a time";
}

TEST_F(ParentTest, ASlowParentIsProbedAgainAndKept) {
  parent_.OnAsked(now_);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(parent_.TakeProbe(After(seconds(1))));
    EXPECT_EQ(parent_.OnProbe(true, now_), News::kNone);
  }
  EXPECT_FALSE(parent_.IsLost());
}

TEST_F(ParentTest, AFailedRequestIsReasonForAProbeAtOnce) {
  parent_.OnAsked(now_);
  parent_.OnFailure();
  ASSERT_TRUE(parent_.TakeProbe(now_));
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kNone);
  EXPECT_FALSE(parent_.TakeProbe(now_));
  EXPECT_FALSE(parent_.NeedsTicks());
}

TEST_F(ParentTest, AProbeThatIsLostWhileThereAreAnswersSaysNothing) {
  parent_.OnAsked(now_);
  ASSERT_TRUE(parent_.TakeProbe(After(seconds(1))));
  parent_.OnAnswer(After(milliseconds(500)));
  EXPECT_EQ(parent_.OnProbe(false, After(milliseconds(500))), News::kNone);
  EXPECT_FALSE(parent_.IsLost());
}

TEST_F(ParentTest, ALostOneIsNotAskedUntilAProbeIsAnswered) {
  Lose();
  EXPECT_TRUE(parent_.IsLost());
  EXPECT_FALSE(parent_.TakeProbe(now_ + milliseconds(499)));
  ASSERT_TRUE(parent_.TakeProbe(After(milliseconds(500))));
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kFound);
  EXPECT_FALSE(parent_.IsLost());
  EXPECT_FALSE(parent_.TakeProbe(After(std::chrono::hours(1))));
}

TEST_F(ParentTest, PausesGrowAndAnIdleNodeStopsProbing) {
  Lose();
  std::vector<Duration> pauses;
  while (parent_.NeedsTicks()) {
    const auto pause = UntilProbe(seconds(60));
    ASSERT_TRUE(pause);
    pauses.push_back(*pause);
    EXPECT_EQ(parent_.OnProbe(false, now_), News::kNone);
  }
  EXPECT_EQ(pauses,
            (std::vector<Duration>{milliseconds(500), seconds(1), seconds(2), seconds(4), seconds(8), seconds(10)}));
  EXPECT_FALSE(UntilProbe(seconds(100)));
  parent_.Want();
  EXPECT_TRUE(parent_.TakeProbe(After(seconds(100)))) << "somebody would have asked it";
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kFound);
}

TEST_F(ParentTest, WhoIsLostAgainIsProbedAsTheFirstTime) {
  Lose();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(UntilProbe(seconds(60)));
    parent_.OnProbe(i == 3, now_);
  }
  Lose();
  EXPECT_EQ(UntilProbe(seconds(60)), milliseconds(500));
}

}  // namespace
}  // namespace copper::fetch
