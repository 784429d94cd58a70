#include "fetch/single_flight.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "copper/cache/cache.h"

namespace copper::fetch {
namespace {

using cache::PathKey;

struct Number {
  int value = 0;
};
bool IsInUse(const Number& /*number*/) {
  return false;
}

TEST(SingleFlight, OneLeaderHoweverManyAskAtOnce) {
  SingleFlight<PathKey, Number> flights;
  cache::Budget budget{UINT64_MAX};
  cache::Table<PathKey, Number> table{budget};
  constexpr int kThreads = 8, kKeys = 200;
  std::atomic<int> leaders{0}, answers{0};
  const auto ask_all = [&] {
    for (int i = 0; i < kKeys; ++i) {
      const PathKey key{std::to_string(i)};
      const Way way = flights.Join(
          key, kNever, [&] { return table.Get(key); },
          [&, i](const Result<Number>& number, Way) { answers += number && number->value == i ? 1 : 0; });
      if (way != Way::kMiss) continue;
      ++leaders;
      table.Put(key, {i}, 1);
      flights.Complete(key, Number{i});
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(ask_all);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(leaders, kKeys);
  EXPECT_EQ(answers, kThreads * kKeys);
}

TEST(SingleFlight, AFailedFlightIsNotRemembered) {
  SingleFlight<PathKey, int> flights;
  const auto nothing = [] { return std::optional<int>(); };
  int seen = 0;
  ASSERT_EQ(flights.Join({"k"}, kNever, nothing, [&](const Result<int>& r, Way) { seen = r ? 0 : r.error().code; }),
            Way::kMiss);
  flights.Complete({"k"}, Fail(EIO));
  EXPECT_EQ(seen, EIO);
  EXPECT_EQ(flights.Join({"k"}, kNever, nothing, {}), Way::kMiss);
}

TEST(SingleFlight, AWaiterPastItsDeadlineIsToldWhileTheFlightGoesOn) {
  SingleFlight<PathKey, int> flights;
  const auto nothing = [] { return std::optional<int>(); };
  const TimePoint start{};
  int first = 0, second = 0;
  flights.Join({"k"}, start + std::chrono::seconds(1), nothing,
               [&](const Result<int>& r, Way) { first = r ? *r : -r.error().code; });
  flights.Join({"k"}, start + std::chrono::seconds(9), nothing,
               [&](const Result<int>& r, Way) { second = r ? *r : -r.error().code; });
  EXPECT_TRUE(flights.Expire(start + std::chrono::seconds(2)));
  EXPECT_EQ(first, -ETIMEDOUT);
  EXPECT_EQ(second, 0);
  flights.Complete({"k"}, 5);
  EXPECT_EQ(second, 5);
  EXPECT_EQ(first, -ETIMEDOUT);
  EXPECT_FALSE(flights.Expire(start + std::chrono::seconds(20)));
}

TEST(SingleFlight, APrefetchIsJoinedByWhoReads) {
  SingleFlight<PathKey, int> flights;
  const auto nothing = [] { return std::optional<int>(); };
  ASSERT_EQ(flights.Join({"k"}, kNever, nothing, {}), Way::kMiss);
  int seen = 0;
  EXPECT_EQ(flights.Join({"k"}, kNever, nothing, [&](const Result<int>& r, Way) { seen = r.value_or(0); }),
            Way::kCoalesced);
  flights.Complete({"k"}, 3);
  EXPECT_EQ(seen, 3);
}

}  // namespace
}  // namespace copper::fetch
