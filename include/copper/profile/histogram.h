// How long things took, on a logarithmic scale: four buckets for each doubling, so that a quantile is off by at most a
// fifth. (The idea of HdrHistogram, G. Tene, with two bits of a value kept.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace copper::profile {

// Plain data; not for several threads at once.
struct Latencies {
  static constexpr size_t kBuckets = 160;  // up to 2^40 ns, 18 minutes; longer ones are in the last
  // The bucket of a duration in nanoseconds, and the least duration that is in a bucket.
  static size_t BucketOf(uint64_t ns);
  static uint64_t LowerBound(size_t bucket);

  uint64_t sum_ns = 0;
  uint64_t min_ns = UINT64_MAX;  // so, where there are none
  uint64_t max_ns = 0;
  std::array<uint64_t, kBuckets> buckets{};

  void Add(uint64_t ns);
  void Merge(const Latencies& other);
  uint64_t count() const;
  // The duration that a share of `quantile` (0 to 1) did not exceed, in ns; within the bucket it is interpolated. 0
  // where there are none.
  uint64_t Quantile(double quantile) const;
  bool operator==(const Latencies&) const = default;
};

}  // namespace copper::profile
