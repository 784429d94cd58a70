#include "copper/profile/histogram.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace copper::profile {

// Up to 3 ns each has a bucket of its own; from 4 on the highest bit and the two after it make the bucket.
size_t Latencies::BucketOf(uint64_t ns) {
  if (ns < 4) return ns;
  const auto exponent = static_cast<size_t>(std::bit_width(ns)) - 1;
  const size_t bucket = 4 * (exponent - 1) + (ns >> (exponent - 2) & 3);
  return std::min(bucket, kBuckets - 1);
}

uint64_t Latencies::LowerBound(size_t bucket) {
  if (bucket < 4) return bucket;
  return (uint64_t{4} + bucket % 4) << (bucket / 4 - 1);
}

void Latencies::Add(uint64_t ns) {
  sum_ns += ns;
  min_ns = std::min(min_ns, ns);
  max_ns = std::max(max_ns, ns);
  ++buckets[BucketOf(ns)];
}

void Latencies::Merge(const Latencies& other) {
  sum_ns += other.sum_ns;
  min_ns = std::min(min_ns, other.min_ns);
  max_ns = std::max(max_ns, other.max_ns);
  std::ranges::transform(buckets, other.buckets, buckets.begin(), std::plus<>());
}

uint64_t Latencies::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0});
}

uint64_t Latencies::Quantile(double quantile) const {
  const uint64_t all = count();
  if (all == 0) return 0;
  const double wanted = quantile * static_cast<double>(all);
  double below = 0;
  size_t bucket = 0;
  for (; bucket + 1 < kBuckets; ++bucket) {
    const auto here = static_cast<double>(buckets[bucket]);
    if (here > 0 && below + here >= wanted) break;
    below += here;
  }
  const auto low = static_cast<double>(LowerBound(bucket));
  const auto high = static_cast<double>(bucket + 1 < kBuckets ? LowerBound(bucket + 1) : max_ns);
  const double share = (wanted - below) / std::max(1.0, static_cast<double>(buckets[bucket]));
  return std::clamp(static_cast<uint64_t>(low + (high - low) * share), min_ns, max_ns);
}

}  // namespace copper::profile
