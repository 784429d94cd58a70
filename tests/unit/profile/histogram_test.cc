#include "copper/profile/histogram.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace copper::profile {
namespace {

TEST(Latencies, BucketsAscendWithoutGaps) {
  for (size_t bucket = 0; bucket + 1 < Latencies::kBuckets; ++bucket) {
    EXPECT_EQ(Latencies::BucketOf(Latencies::LowerBound(bucket)), bucket);
    EXPECT_EQ(Latencies::BucketOf(Latencies::LowerBound(bucket + 1) - 1), bucket);
  }
  EXPECT_EQ(Latencies::BucketOf(UINT64_MAX), Latencies::kBuckets - 1);
  EXPECT_GT(Latencies::LowerBound(Latencies::kBuckets - 1), uint64_t{1000} * 1000 * 1000 * 600) << "ten minutes";
}

TEST(Latencies, NothingHasNoQuantile) {
  EXPECT_EQ(Latencies().Quantile(0.5), 0U);
}

TEST(Latencies, OneValueIsEveryQuantile) {
  Latencies one;
  one.Add(12'345);
  for (const double quantile : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(one.Quantile(quantile), 12'345U);
}

TEST(Latencies, QuantilesAreWithinAFifth) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> durations(10, 2);
  std::vector<uint64_t> values;
  Latencies latencies;
  for (int i = 0; i < 100'000; ++i) {
    values.push_back(static_cast<uint64_t>(durations(random)));
    latencies.Add(values.back());
  }
  std::ranges::sort(values);
  for (const double quantile : {0.1, 0.5, 0.9, 0.99}) {
    const auto exact = static_cast<double>(values[static_cast<size_t>(quantile * 100'000)]);
    EXPECT_NEAR(static_cast<double>(latencies.Quantile(quantile)) / exact, 1, 0.2);
  }
}

TEST(Latencies, MergedIsAsIfCountedTogether) {
  Latencies left, right, both;
  for (uint64_t ns = 1; ns < 1'000'000; ns = ns * 3 + 1) {
    (ns % 2 != 0 ? left : right).Add(ns);
    both.Add(ns);
  }
  left.Merge(right);
  EXPECT_EQ(left, both);
}

}  // namespace
}  // namespace copper::profile
