#include "../../../src/storage/look_cost.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::storage {
namespace {

TEST(LookCost, WhatIsExpensiveIsMeasuredAgainAfterAWhile) {
  LookCost cost;
  EXPECT_TRUE(cost.MayBeCheap(1));
  EXPECT_TRUE(cost.MayBeCheap(1)) << "nobody said otherwise";
  cost.SetExpensive(1);
  for (int listing = 0; listing < LookCost::kListingsBelieved; ++listing) EXPECT_FALSE(cost.MayBeCheap(1)) << listing;
  EXPECT_TRUE(cost.MayBeCheap(1)) << "it may have been one slow answer of many";
}

TEST(LookCost, EachFileSystemHasItsOwn) {
  LookCost cost;
  cost.SetExpensive(1);
  EXPECT_FALSE(cost.MayBeCheap(1));
  EXPECT_TRUE(cost.MayBeCheap(2));
}

}  // namespace
}  // namespace copper::storage
