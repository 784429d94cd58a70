#include "storage/look_cost.h"  // private to the module

#include <gtest/gtest.h>

#include <thread>

#include "fakes/fake_clock.h"
#include "storage/busy_time.h"

namespace copper::storage {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

LookMeasurement Measure(int looks, Duration each, int slow = 0, Duration each_slow = {}) {
  LookMeasurement measurement;
  // The slow ones first, as on a node where everything starts at once.
  for (int i = 0; i < slow; ++i) measurement.Note(each_slow);
  for (int i = slow; i < looks; ++i) measurement.Note(each);
  return measurement;
}

TEST(LookMeasurement, WhatMostLooksTakeDecides) {
  EXPECT_TRUE(Measure(4, microseconds(200)).IsExpensive());
  EXPECT_TRUE(Measure(100, milliseconds(2)).IsExpensive());
  EXPECT_FALSE(Measure(100, microseconds(2)).IsExpensive());
  EXPECT_TRUE(Measure(100, microseconds(2)).IsCheap());
}

TEST(LookMeasurement, ABusyNodeIsNotASlowSource) {
  for (const int slow : {1, 2, 3}) {
    EXPECT_FALSE(Measure(slow, {}, slow, milliseconds(300)).IsExpensive()) << "already after the first " << slow;
    EXPECT_FALSE(Measure(16, microseconds(2), slow, milliseconds(300)).IsExpensive());
  }
  EXPECT_FALSE(Measure(1000, microseconds(2), 20, milliseconds(100)).IsExpensive());
}

TEST(LookMeasurement, ManyVerySlowOnesAreTooMuch) {
  EXPECT_TRUE(Measure(100, microseconds(2), 30, milliseconds(5)).IsExpensive());
  EXPECT_FALSE(Measure(100, microseconds(2), 30, microseconds(60)).IsExpensive());
}

// A look at the clock and at the thread's busy time, as a test says.
class LookTimerTest : public testing::Test {
 protected:
  // A look that the file system needs so long for, and that the thread is busy with, or waits for a processor in.
  Duration Look(Duration source, Duration busy) {
    busy_ += busy;
    clock_.Advance(source + busy);
    return timer_.Lap();
  }

  fakes::FakeClock clock_;
  Duration busy_ = std::chrono::hours(2);
  int asked_ = 0;
  const LookTimer::BusyTime busy_time_ = [this] {
    ++asked_;
    return busy_;
  };
  LookTimer timer_{clock_, busy_time_};
};

TEST_F(LookTimerTest, CheapLooksTakeAGlanceAtTheClock) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Look(microseconds(2), microseconds(1)), microseconds(3));
  EXPECT_EQ(asked_, 0);
}

TEST_F(LookTimerTest, TheFirstSlowOneIsTheReasonToLookClosely) {
  EXPECT_EQ(Look({}, milliseconds(300)), Duration{});
  EXPECT_EQ(Look(microseconds(200), milliseconds(20)), microseconds(200));
  EXPECT_EQ(Look(microseconds(2), milliseconds(20)), microseconds(2));
  EXPECT_EQ(asked_, 3);
}

// The disaster: two processes that spin beside the daemon, and every look waits for a processor.
TEST_F(LookTimerTest, ALoadedNodeHasCheapLooks) {
  LookMeasurement measured;
  for (int i = 0; i < 100; ++i) {
    measured.Note(Look(microseconds(2), i % 3 == 0 ? milliseconds(4) : microseconds(1)));
    ASSERT_FALSE(measured.IsExpensive()) << i;
  }
  EXPECT_TRUE(measured.IsCheap());
}

TEST_F(LookTimerTest, ASlowSourceIsSlowOnALoadedNode) {
  LookMeasurement measured;
  for (int i = 0; i < 10; ++i) measured.Note(Look(microseconds(200), milliseconds(4)));
  EXPECT_TRUE(measured.IsExpensive());
}

TEST(BusyTime, IsTimeOnAProcessorAndWaitsForOne) {
  const SteadyClock clock;
  const Duration before = ThreadBusyTime();
  const TimePoint begin = clock.Now();
  while (ThreadBusyTime() - before < milliseconds(5)) {
  }
  // A thread that does nothing but compute has no other time.
  EXPECT_GE(clock.Now() - begin, milliseconds(4));
  const Duration asleep = ThreadBusyTime();
  std::this_thread::sleep_for(milliseconds(50));
  const TimePoint awake = clock.Now();
  const Duration busy = ThreadBusyTime() - asleep;
  EXPECT_LT(busy, awake - begin) << "sleeping is no such time";
}

class LookCostTest : public testing::Test {
 protected:
  void FindExpensive(uint64_t device = 1) { cost_.Note(device, Measure(4, milliseconds(1)), clock_.Now()); }
  bool MayBeCheap(uint64_t device = 1) { return cost_.MayBeCheap(device, clock_.Now()); }
  int ListingsBelieved() {
    int listings = 0;
    while (!MayBeCheap()) ++listings;
    return listings;
  }

  fakes::FakeClock clock_;
  LookCost cost_;
};

TEST_F(LookCostTest, AVerdictThatIsFoundTrueAgainHoldsForLonger) {
  EXPECT_TRUE(MayBeCheap());
  EXPECT_TRUE(MayBeCheap()) << "nobody said otherwise";
  for (const int expected : {1, 3, 7, 15, 31, 31}) {
    FindExpensive();
    EXPECT_EQ(ListingsBelieved(), expected);
  }
}

TEST_F(LookCostTest, ItIsForgottenSoon) {
  for (int i = 0; i < 10; ++i) FindExpensive();
  EXPECT_FALSE(MayBeCheap());
  clock_.Advance(LookCost::kBelievedFor);
  EXPECT_TRUE(MayBeCheap());
}

TEST_F(LookCostTest, ACheapOneTakesItBack) {
  for (int i = 0; i < 10; ++i) FindExpensive();
  cost_.Note(1, Measure(16, microseconds(2)), clock_.Now());
  EXPECT_TRUE(MayBeCheap());
  FindExpensive();
  EXPECT_EQ(ListingsBelieved(), 1);
}

TEST_F(LookCostTest, TooFewLooksSayNothing) {
  FindExpensive();
  cost_.Note(1, Measure(1, microseconds(2)), clock_.Now());
  EXPECT_FALSE(MayBeCheap());
}

TEST_F(LookCostTest, EachFileSystemHasItsOwn) {
  FindExpensive(1);
  EXPECT_TRUE(MayBeCheap(2));
  EXPECT_FALSE(MayBeCheap(1));
}

}  // namespace
}  // namespace copper::storage
