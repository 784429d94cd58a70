#include "fetch/deadlines.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::fetch {
namespace {

constexpr TimePoint kNow{std::chrono::hours(1)};

TEST(Deadlines, ALostParentCostsTwoSeconds) {
  EXPECT_EQ(kPatience.old + kPatience.probe, std::chrono::seconds(2));
}

TEST(Deadlines, AChildsOwnClockDecidesFirst) {
  EXPECT_GT(DeadlineForChild(kNow), kNow);
}

}  // namespace
}  // namespace copper::fetch
