#include "copper/job/rank_profile.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace copper::job {
namespace {

using profile::Event;
using profile::Operation;
using std::chrono::microseconds;

class RankProfileTest : public testing::Test {
 protected:
  profile::Profile Own(profile::Recorder* recorder) {
    return RankProfile({.tag = "final",
                        .target = "/soft",
                        .who = who_,
                        .timings = timings_,
                        .registration = microseconds(77),
                        .uptime = microseconds(5000),
                        .forest = forest_,
                        .counters = counters_,
                        .cache = cache_,
                        .recorder = recorder});
  }

  fakes::FakeClock clock_;
  const RankIdentity who_ = {.rank = 3, .host = "node3", .pid = 4242, .address = "tcp://10.0.0.3:5"};
  const profile::StartTimings timings_ = {.mpi_us = 1, .fabric_us = 2, .mount_us = 3, .serving_us = 4};
  const tree::Forest forest_{7, 2, 1};
  profile::Counters counters_;
  profile::CacheUse cache_{.budget_bytes = 1 << 20};
};

TEST_F(RankProfileTest, ARankSaysWhoItIsAndWhatItHolds) {
  counters_.Count(Event::kBytesFromCache, 10);
  counters_.Count(Event::kBytesFromParent, 20);
  counters_.Count(Event::kBytesFromSource, 30);
  counters_.Count(Event::kBytesToChildren, 40);
  const profile::TableUse metadata{.entries = 1, .bytes = 164, .evictions = 3};
  cache_.tables[static_cast<size_t>(profile::Table::kMetadata)] = metadata;
  const profile::Profile own = Own(nullptr);
  EXPECT_EQ(own.tag, "final");
  EXPECT_EQ(own.target, "/soft");
  EXPECT_EQ(own.job_ranks, 7U);
  EXPECT_FALSE(own.IsOn());
  EXPECT_EQ(own.events[static_cast<size_t>(Event::kBytesFromSource)], 30U) << "events are counted in any case";
  ASSERT_EQ(own.ranks.size(), 1U);
  const profile::RankUse& row = own.ranks[0];
  EXPECT_EQ(row.rank, 3U);
  EXPECT_EQ(row.host, "node3");
  EXPECT_EQ(row.pid, 4242U);
  EXPECT_EQ(row.address, "tcp://10.0.0.3:5");
  EXPECT_EQ(row.parent, 1);
  EXPECT_EQ(row.depth, 2U);
  EXPECT_EQ(row.start, timings_);
  EXPECT_EQ(row.registration_us, 77);
  EXPECT_EQ(row.uptime_us, 5000U);
  EXPECT_GT(row.memory_peak_bytes, uint64_t{1} << 20);
  EXPECT_EQ(row.budget_bytes, uint64_t{1} << 20);
  EXPECT_EQ(row.bytes_from_cache + row.bytes_from_parent + row.bytes_from_source + row.bytes_to_children, 100U);
  EXPECT_EQ(row.tables[static_cast<size_t>(profile::Table::kMetadata)], metadata);
}

TEST_F(RankProfileTest, WhatWasRecordedIsInIt) {
  profile::Recorder::Options options;
  options.top_n = 5;
  profile::Recorder recorder(options, clock_);
  recorder.Begin(Operation::kLookup)->End(0);
  const profile::Profile own = Own(&recorder);
  EXPECT_TRUE(own.metrics);
  EXPECT_EQ(own.top_n, 5U);
  EXPECT_FALSE(own.paths_full);
  EXPECT_EQ(own.operations[static_cast<size_t>(Operation::kLookup)].calls, 1U);
}

}  // namespace
}  // namespace copper::job
