#include "copper/job/served.h"

#include <gtest/gtest.h>

namespace copper::job {
namespace {

TEST(Served, CountsWhatTheCountersSay) {
  using profile::Event;
  profile::Counters counters;
  counters.Count(profile::Operation::kLookup);
  counters.Count(profile::Operation::kPeerLook);  // no request of the kernel
  counters.Count(Event::kHits, 5);
  counters.Count(Event::kNegative, 3);
  counters.Count(Event::kMisses, 1);
  counters.Count(Event::kCoalesced, 1);
  counters.Count(Event::kErrors, 7);
  counters.Count(Event::kBytesFromCache, 3 << 20);
  counters.Count(Event::kBytesFromParent, 1536);
  counters.Count(Event::kBytesFromSource, 12);
  const Served served = ServedBy(counters);
  EXPECT_DOUBLE_EQ(served.HitRate(), 0.8);
  EXPECT_EQ(
      Describe(served),
      "1 requests, hit rate 80.0% (5 hits, 3 absent, 1 misses, 1 coalesced, 7 errors); 3.0 MiB from the cache, 1.5 "
      "KiB from parents, 12 B from the source");
}

TEST(Served, AddsEverySum) {
  Served sum{1, 2, 3, 4, 5, 6, 7, 8, 9};
  sum += Served{10, 20, 30, 40, 50, 60, 70, 80, 90};
  EXPECT_EQ(sum, (Served{11, 22, 33, 44, 55, 66, 77, 88, 99}));
}

TEST(Served, NothingAskedForIsNoHitRate) {
  EXPECT_EQ(Served().HitRate(), 0);
}

}  // namespace
}  // namespace copper::job
