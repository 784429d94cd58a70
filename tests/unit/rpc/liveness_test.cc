#include "copper/rpc/liveness.h"

#include <gtest/gtest.h>

#include "fetch/deadlines.h"

namespace copper::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using News = Liveness::News;

class LivenessTest : public testing::Test {
 protected:
  // Time passes.
  TimePoint After(Duration time) { return now_ += time; }
  void Lose() {
    parent_.OnFailure();
    ASSERT_TRUE(parent_.TakeProbe(now_, {}));
    ASSERT_EQ(parent_.OnProbe(false, now_), News::kLost);
  }
  // Looks every 100 ms, as ticks do, at most this long; how long it took to a probe.
  std::optional<Duration> UntilProbe(Duration longest) {
    for (Duration passed{}; passed <= longest; passed += milliseconds(100)) {
      if (parent_.TakeProbe(now_ + passed, LastOld(now_ + passed))) {
        now_ += passed;
        return passed;
      }
    }
    return std::nullopt;
  }

  // As WaitList says.
  std::optional<TimePoint> LastOld(TimePoint now) const {
    std::optional<TimePoint> last;
    for (const TimePoint sent : sent_) {
      if (sent <= now - fetch::kPatience.old) last = sent;
    }
    return last;
  }
  bool TakeProbe(TimePoint now) { return parent_.TakeProbe(now, LastOld(now)); }

  TimePoint now_ = TimePoint(std::chrono::hours(1));
  std::vector<TimePoint> sent_;  // what waits there
  Liveness parent_{fetch::kPatience};
};

TEST_F(LivenessTest, IsNotProbedWhileNothingWaitsThere) {
  EXPECT_FALSE(parent_.NeedsTicks());
  EXPECT_FALSE(TakeProbe(After(std::chrono::hours(1))));
}

TEST_F(LivenessTest, IsNotProbedWhileItIsFast) {
  for (int i = 0; i < 100; ++i) {
    sent_ = {now_};
    EXPECT_FALSE(TakeProbe(After(milliseconds(999))));
    parent_.OnAnswer(now_);
  }
}

// What is lost would wait for ever if the answers to others counted for it.
TEST_F(LivenessTest, IsAskedAfterAnOldRequestWhateverElseItAnswers) {
  sent_ = {now_};
  parent_.OnAnswer(After(milliseconds(999)));
  EXPECT_FALSE(TakeProbe(now_));
  EXPECT_TRUE(TakeProbe(After(milliseconds(1))));
  EXPECT_FALSE(TakeProbe(After(seconds(1)))) << "one at a time";
}

TEST_F(LivenessTest, IsAskedAfterTheSameRequestAfterPausesThatGrow) {
  sent_ = {now_};
  std::vector<Duration> pauses;
  for (int i = 0; i < 7; ++i) {
    const auto pause = UntilProbe(seconds(60));
    ASSERT_TRUE(pause);
    pauses.push_back(*pause);
    EXPECT_EQ(parent_.OnProbe(true, now_), News::kNone);
  }
  EXPECT_EQ(pauses, (std::vector<Duration>{seconds(1), seconds(1), seconds(2), seconds(4), seconds(8), seconds(10),
                                           seconds(10)}));
  EXPECT_FALSE(parent_.IsLost());
}

// So that a parent that is lost while old requests wait there costs a new one no more than ever.
TEST_F(LivenessTest, WhatIsNewlyOldIsAskedAfterAtOnceButOnceASecond) {
  sent_ = {now_};
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(UntilProbe(seconds(60)));
    parent_.OnProbe(true, now_);
  }
  sent_.push_back(now_ + milliseconds(500));
  EXPECT_EQ(UntilProbe(seconds(60)), milliseconds(1500));
  parent_.OnProbe(true, now_);
  sent_.push_back(now_ - milliseconds(900));
  EXPECT_EQ(UntilProbe(seconds(60)), seconds(1)) << "not two in a second";
}

TEST_F(LivenessTest, AFailedRequestIsReasonForAProbeAtOnce) {
  parent_.OnFailure();
  ASSERT_TRUE(TakeProbe(now_));
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kNone);
  EXPECT_FALSE(TakeProbe(now_));
  EXPECT_FALSE(parent_.NeedsTicks());
}

TEST_F(LivenessTest, AProbeThatIsLostWhileThereAreAnswersSaysNothing) {
  sent_ = {now_};
  ASSERT_TRUE(TakeProbe(After(seconds(1))));
  parent_.OnAnswer(After(milliseconds(500)));
  EXPECT_EQ(parent_.OnProbe(false, After(milliseconds(500))), News::kNone);
  EXPECT_FALSE(parent_.IsLost());
}

TEST_F(LivenessTest, ALostOneIsNotAskedUntilAProbeIsAnswered) {
  Lose();
  EXPECT_TRUE(parent_.IsLost());
  EXPECT_FALSE(TakeProbe(now_ + milliseconds(499)));
  ASSERT_TRUE(TakeProbe(After(milliseconds(500))));
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kFound);
  EXPECT_FALSE(parent_.IsLost());
  EXPECT_FALSE(TakeProbe(After(std::chrono::hours(1))));
}

TEST_F(LivenessTest, PausesGrowAndAnIdleNodeStopsProbing) {
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
  EXPECT_TRUE(TakeProbe(After(seconds(100)))) << "somebody would have asked it";
  EXPECT_EQ(parent_.OnProbe(true, now_), News::kFound);
}

TEST_F(LivenessTest, WhoIsLostAgainIsProbedAsTheFirstTime) {
  Lose();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(UntilProbe(seconds(60)));
    parent_.OnProbe(i == 3, now_);
  }
  Lose();
  EXPECT_EQ(UntilProbe(seconds(60)), milliseconds(500));
}

}  // namespace
}  // namespace copper::rpc
