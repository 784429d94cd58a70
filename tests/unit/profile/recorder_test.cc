#include "copper/profile/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "fakes/fake_clock.h"

namespace copper::profile {
namespace {

using std::chrono::microseconds;

class RecorderTest : public testing::Test {
 protected:
  Profile Recorded() {
    Profile profile;
    recorder_.Fill(profile);
    return profile;
  }
  OperationUse Of(Operation operation) { return Recorded().operations[static_cast<size_t>(operation)]; }
  std::map<std::string, PathUse> Paths() {
    std::map<std::string, PathUse> rows;
    Recorded().paths.ForEach([&](std::string_view path, const PathUse& use) { rows.emplace(path, use); });
    return rows;
  }
  void Request(Operation operation, std::string_view path, Way way, int error = 0, uint64_t bytes = 0) {
    const UsePtr use = recorder_.Begin(operation);
    use->NotePath(path, PathKind::kUnknown);
    use->Note(way);
    if (error == 0) use->NoteKind(PathKind::kFile);
    use->End(error, bytes);
  }

  fakes::FakeClock clock_;
  Recorder recorder_{{.top_n = 2, .paths_full = true}, clock_};
};

TEST_F(RecorderTest, CountsEachRequestOnceAsWhatItWas) {
  Request(Operation::kLookup, "/a", Way::kMiss);
  Request(Operation::kLookup, "/a", Way::kHit);
  Request(Operation::kLookup, "/b", Way::kHit, ENOENT);
  Request(Operation::kLookup, "/c", Way::kCoalesced, EIO);
  Request(Operation::kIoctl, "/a", Way::kNone, ENOTTY);
  const OperationUse lookups = Of(Operation::kLookup);
  EXPECT_EQ(lookups.calls, 4U);
  EXPECT_EQ(lookups.hits, 2U);
  EXPECT_EQ(lookups.misses, 1U);
  EXPECT_EQ(lookups.coalesced, 1U);
  EXPECT_EQ(lookups.negative, 1U);
  EXPECT_EQ(lookups.errors, 1U);
  EXPECT_EQ(lookups.latency.count(), 4U);
  const OperationUse ioctls = Of(Operation::kIoctl);
  EXPECT_EQ(ioctls.calls, 1U);
  EXPECT_EQ(ioctls.hits + ioctls.misses + ioctls.coalesced, 0U);
  EXPECT_EQ(ioctls.errors, 1U);
  EXPECT_EQ(Of(Operation::kRead), OperationUse());
}

TEST_F(RecorderTest, AnAnswerThatTurnsAnOperationOffIsNoError) {
  recorder_.Begin(Operation::kOpen)->End(ENOSYS);
  EXPECT_EQ(Of(Operation::kOpen).calls, 1U);
  EXPECT_EQ(Of(Operation::kOpen).errors, 0U);
}

TEST_F(RecorderTest, TheWayThatTookMostCounts) {
  const UsePtr read = recorder_.Begin(Operation::kRead);
  read->Note(Way::kHit);
  read->Note(Way::kMiss);
  read->Note(Way::kCoalesced);
  read->End(0);
  EXPECT_EQ(Of(Operation::kRead).misses, 1U);
  EXPECT_EQ(Of(Operation::kRead).hits + Of(Operation::kRead).coalesced, 0U);
}

TEST_F(RecorderTest, MeasuresFromTheRequestToTheFirstAnswer) {
  const UsePtr use = recorder_.Begin(Operation::kGetattr);
  clock_.Advance(microseconds(250));
  EXPECT_EQ(Of(Operation::kGetattr).calls, 0U) << "not answered yet";
  use->End(0);
  clock_.Advance(microseconds(1000));
  use->End(EIO);
  const OperationUse getattrs = Of(Operation::kGetattr);
  EXPECT_EQ(getattrs.calls, 1U);
  EXPECT_EQ(getattrs.errors, 0U);
  EXPECT_EQ(getattrs.latency.sum_ns, 250'000U);
  EXPECT_EQ(getattrs.latency.max_ns, 250'000U);
}

TEST_F(RecorderTest, WhatWasCutOffIsACallWithoutLatency) {
  recorder_.Begin(Operation::kRead)->End(EINTR);
  recorder_.Begin(Operation::kRead).reset();
  const OperationUse reads = Of(Operation::kRead);
  EXPECT_EQ(reads.calls, 2U);
  EXPECT_EQ(reads.errors, 2U);
  EXPECT_EQ(reads.latency.count(), 0U);
}

TEST_F(RecorderTest, KnowsWhatHappenedToEachPath) {
  Request(Operation::kLookup, "/late", Way::kHit, ENOENT);
  Request(Operation::kLookup, "/late", Way::kMiss);
  Request(Operation::kRead, "/late", Way::kHit, 0, 4096);
  const UsePtr served = recorder_.Begin(Operation::kLookup);
  served->NotePath("/absent", PathKind::kUnknown);
  served->NoteTtlServe();
  served->End(ENOENT);
  recorder_.Begin(Operation::kForget)->End(0);  // no path
  const auto paths = Paths();
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(paths.at("/late"),
            (PathUse{.kind = PathKind::kFile, .events = 3, .hits = 2, .misses = 1, .negative = 1, .bytes = 4096}));
  EXPECT_EQ(paths.at("/absent"), (PathUse{.kind = PathKind::kAbsent, .events = 1, .negative = 1, .ttl_serves = 1}));
}

TEST_F(RecorderTest, LeavesOutPathsForWhichThereIsNoRoomAndCountsThem) {
  Recorder small({.paths_full = true, .most_paths = 100}, clock_);
  const auto use = [&](int path) {
    const UsePtr one = small.Begin(Operation::kLookup);
    one->NotePath("/p" + std::to_string(path), PathKind::kFile);
    one->End(0);
  };
  for (int path = 0; path < 150; ++path) use(path);
  Profile profile;
  small.Fill(profile);
  EXPECT_EQ(profile.paths.rows(), 100U);
  EXPECT_EQ(small.left_out(), 50U);
  for (int path = 0; path < 100; ++path) use(path);  // what is held is counted on
  std::thread([&] {
    for (int path = 90; path < 110; ++path) use(path);
  }).join();
  Profile later;
  small.Fill(later);
  EXPECT_EQ(later.paths.rows(), 100U);
  EXPECT_EQ(small.left_out(), 60U);
  EXPECT_EQ(later.operations[static_cast<size_t>(Operation::kLookup)].calls, 270U);
}

TEST_F(RecorderTest, TellsMetadataFromDataAndAbsenceServed) {
  for (int i = 0; i < 3; ++i) Request(Operation::kLookup, "/name", Way::kHit);
  for (int i = 0; i < 2; ++i) Request(Operation::kRead, "/bytes", Way::kHit, 0, 100);
  const UsePtr served = recorder_.Begin(Operation::kLookup);
  served->NotePath("/absent", PathKind::kUnknown);
  served->NoteTtlServe();
  served->End(ENOENT);
  const Profile profile = Recorded();
  const auto& metadata = profile.top[static_cast<size_t>(TopKind::kMetadata)];
  const auto& data = profile.top[static_cast<size_t>(TopKind::kData)];
  const auto& negative = profile.top[static_cast<size_t>(TopKind::kNegativeTtl)];
  ASSERT_EQ(metadata.size(), 2U);
  EXPECT_EQ(metadata[0].path, "/name");
  EXPECT_EQ(metadata[0].events, 3U);
  ASSERT_EQ(data.size(), 1U);
  EXPECT_EQ(data[0].use.bytes, 200U);
  ASSERT_EQ(negative.size(), 1U);
  EXPECT_EQ(negative[0].path, "/absent");
}

TEST_F(RecorderTest, WithoutPathsKeepsNone) {
  Recorder metrics({}, clock_);
  const UsePtr use = metrics.Begin(Operation::kLookup);
  use->NotePath("/a", PathKind::kFile);
  use->End(0);
  Profile profile;
  metrics.Fill(profile);
  EXPECT_TRUE(profile.metrics);
  EXPECT_EQ(profile.top_n, 0U);
  EXPECT_FALSE(profile.paths_full);
  EXPECT_TRUE(profile.paths.empty());
  EXPECT_TRUE(std::ranges::all_of(profile.top, [](const auto& rows) { return rows.empty(); }));
  EXPECT_EQ(profile.operations[static_cast<size_t>(Operation::kLookup)].calls, 1U);
}

TEST_F(RecorderTest, NoRecorderMeansNoRecord) {
  EXPECT_EQ(Begin(nullptr, Operation::kLookup), nullptr);
}

// More paths than a thread keeps to itself, the same ones in all threads, while profiles are made.
TEST_F(RecorderTest, LosesNothingBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kPaths = 10'000;
  std::atomic<int> at_work{kThreads};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPaths; ++i) Request(Operation::kRead, "/p" + std::to_string(i), Way::kHit, 0, 2);
      --at_work;
    });
  }
  uint64_t before = 0;
  while (at_work > 0) {
    const uint64_t calls = Of(Operation::kRead).calls;
    EXPECT_GE(calls, before);
    before = calls;
  }
  threads.clear();
  EXPECT_EQ(Of(Operation::kRead).calls, uint64_t{kThreads} * kPaths);
  const auto paths = Paths();
  EXPECT_EQ(paths.size(), size_t{kPaths});
  for (const auto& [path, use] : paths) {
    ASSERT_EQ(use, (PathUse{.kind = PathKind::kFile, .events = kThreads, .hits = kThreads, .bytes = 2 * kThreads}))
        << path;
  }
}

// The way is noted by whoever decides, the answer by another thread.
TEST_F(RecorderTest, ARequestGoesFromThreadToThread) {
  for (int i = 0; i < 200; ++i) {
    const UsePtr use = recorder_.Begin(Operation::kRead);
    std::jthread late([use] { use->Note(Way::kCoalesced); });
    use->Note(Way::kMiss);
    std::jthread([use] { use->End(0, 1); }).join();
  }
  EXPECT_EQ(Of(Operation::kRead).calls, 200U);
  EXPECT_EQ(Of(Operation::kRead).misses, 200U);
}

}  // namespace
}  // namespace copper::profile
