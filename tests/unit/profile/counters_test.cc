#include "copper/profile/counters.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace copper::profile {
namespace {

TEST(Counters, BeginAtZeroAndCountEachOnItsOwn) {
  Counters counters;
  EXPECT_EQ(counters.requests(), 0U);
  counters.Count(Operation::kLookup);
  counters.Count(Operation::kLookup);
  counters.Count(Operation::kForget);
  counters.Count(Event::kBytesFromCache, 4096);
  counters.Count(Event::kHits);
  EXPECT_EQ(counters.Get(Operation::kLookup), 2U);
  EXPECT_EQ(counters.Get(Operation::kForget), 1U);
  EXPECT_EQ(counters.Get(Operation::kRead), 0U);
  EXPECT_EQ(counters.Get(Event::kBytesFromCache), 4096U);
  EXPECT_EQ(counters.Get(Event::kHits), 1U);
  EXPECT_EQ(counters.Get(Event::kMisses), 0U);
  EXPECT_EQ(counters.requests(), 3U) << "operations, not events";
}

TEST(Counters, EveryNameIsThereOnce) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < static_cast<size_t>(Operation::kCount); ++i) names.insert(Name(static_cast<Operation>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(Operation::kCount));
  names.clear();
  for (size_t i = 0; i < static_cast<size_t>(Event::kCount); ++i) names.insert(Name(static_cast<Event>(i)));
  EXPECT_EQ(names.size(), static_cast<size_t>(Event::kCount));
  EXPECT_EQ(Name(Operation::kLookup), "lookup");
  EXPECT_EQ(Name(Operation::kOther), "other");
  EXPECT_EQ(Name(Event::kHits), "hits");
  EXPECT_EQ(Name(Event::kBytesToChildren), "bytes_to_children");
  EXPECT_EQ(Name(Event::kStale), "stale");
}

TEST(Counters, LoseNothingBetweenThreads) {
  Counters counters;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        counters.Count(Operation::kRead);
        counters.Count(Event::kBytesFromParent, 3);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(counters.Get(Operation::kRead), 80'000U);
  EXPECT_EQ(counters.Get(Event::kBytesFromParent), 240'000U);
}

}  // namespace
}  // namespace copper::profile
