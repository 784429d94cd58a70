#include "profile/per_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace copper {
namespace {

using Count = std::atomic<int>;
const auto kMake = [](std::list<Count>& list) { list.emplace_back(0); };

int Total(PerThread<Count>& counts) {
  int total = 0;
  counts.ForEach([&](Count& count) { total += count; });
  return total;
}

TEST(PerThread, GivesEachThreadItsOwnAndKeepsThoseOfThreadsThatEnded) {
  PerThread<Count> counts(kMake);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) ++counts.Mine();
    });
  }
  threads.clear();
  size_t there = 0;
  counts.ForEach([&](Count& count) {
    ++there;
    EXPECT_EQ(count, 1000);
  });
  EXPECT_EQ(there, 8U);
}

TEST(PerThread, TwoOfThemNeverMeet) {
  PerThread<Count> one(kMake);
  PerThread<Count> other(kMake);
  one.Mine() = 1;
  other.Mine() = 2;
  EXPECT_EQ(Total(one), 1);
  EXPECT_EQ(Total(other), 2);
}

TEST(PerThread, ALaterOneFindsNothingOfAnEarlierOne) {
  for (int i = 0; i < 3000; ++i) {  // more than there are keys
    PerThread<Count> counts(kMake);
    ASSERT_EQ(++counts.Mine(), 1);
  }
}

TEST(PerThread, ThreadsShareOneWhereThereAreNoMoreKeys) {
  std::vector<std::unique_ptr<PerThread<Count>>> all;
  for (int i = 0; i < 1100; ++i) all.push_back(std::make_unique<PerThread<Count>>(kMake));
  ++all.back()->Mine();
  std::jthread([&] { ++all.back()->Mine(); }).join();
  EXPECT_EQ(all.back()->Mine(), 2);
}

}  // namespace
}  // namespace copper
