#include "../../../src/fetch/deadlines.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::fetch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kNow{std::chrono::hours(1)};

TEST(Deadlines, EachLevelKeepsASecondAndTheRootHasTheFiveThatWereMeant) {
  constexpr int kDepth = 10;
  TimePoint own = kNow + seconds(5) + kDepth * kTimePerLevel;
  for (int level = 0; level < kDepth; ++level) {
    const TimePoint of_parent = DeadlineOfParent(own, kNow);
    EXPECT_EQ(own - of_parent, milliseconds(900)) << "for reading the source, " << level << " levels up";
    const TimePoint above = DeadlineForChild(of_parent, kNow);
    EXPECT_EQ(of_parent - above, milliseconds(100)) << "for the answer's way down";
    own = above;
  }
  EXPECT_EQ(own, kNow + seconds(5));
}

TEST(Deadlines, WhatLittleIsLeftIsHalved) {
  EXPECT_EQ(DeadlineOfParent(kNow + milliseconds(100), kNow), kNow + milliseconds(50));
  EXPECT_EQ(DeadlineForChild(kNow + milliseconds(10), kNow), kNow + milliseconds(5));
}

TEST(Deadlines, WhatIsOverStaysOver) {
  EXPECT_EQ(DeadlineOfParent(kNow - seconds(1), kNow), kNow - seconds(1));
  EXPECT_EQ(DeadlineForChild(kNow - seconds(1), kNow), kNow - seconds(1));
}

}  // namespace
}  // namespace copper::fetch
