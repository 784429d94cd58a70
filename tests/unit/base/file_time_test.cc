#include "copper/base/file_time.h"

#include <gtest/gtest.h>

#include <limits>

namespace copper {
namespace {

using std::chrono::nanoseconds;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();

TEST(FileTime, NanosecondsCountForwardBefore1970Too) {
  EXPECT_EQ(FileTime::FromNanoseconds(0), (FileTime{0, 0}));
  EXPECT_EQ(FileTime::FromNanoseconds(1'500'000'000), (FileTime{1, 500'000'000}));
  EXPECT_EQ(FileTime::FromNanoseconds(-1), (FileTime{-1, 999'999'999}));
  EXPECT_EQ(FileTime::FromNanoseconds(-1'000'000'000), (FileTime{-1, 0}));
  EXPECT_EQ(FileTime::FromNanoseconds(kLeast), (FileTime{-9'223'372'037, 145'224'192}));
}

TEST(FileTime, IsTheSourcesOwn) {
  for (const int64_t seconds : {kLeast, int64_t{-1}, int64_t{0}, int64_t{10'000'000'000}, kMost}) {
    const timespec time{.tv_sec = seconds, .tv_nsec = 999'999'999};
    const timespec back = FileTime::From(time).ToTimespec();
    EXPECT_EQ(back.tv_sec, time.tv_sec);
    EXPECT_EQ(back.tv_nsec, time.tv_nsec);
  }
}

TEST(FileTime, NanosecondsThatAreNoneAreMadeSome) {
  EXPECT_EQ(FileTime::From({.tv_sec = 7, .tv_nsec = -1}), (FileTime{7, 0}));
  EXPECT_EQ(FileTime::From({.tv_sec = 7, .tv_nsec = 1'000'000'000}), (FileTime{7, 999'999'999}));
  EXPECT_TRUE((FileTime{7, 999'999'999}).IsSound());
  EXPECT_FALSE((FileTime{7, 1'000'000'000}).IsSound());
}

TEST(FileTime, IsOrderedBySecondsFirst) {
  EXPECT_LT((FileTime{-2, 999'999'999}), (FileTime{-1, 0}));
  EXPECT_LT((FileTime{1, 1}), (FileTime{1, 2}));
  EXPECT_LT((FileTime{kLeast, 0}), (FileTime{kMost, 0}));
}

TEST(FileTime, DifferencesHaveBounds) {
  EXPECT_EQ(Between({1, 5}, {3, 4}), nanoseconds(1'999'999'999));
  EXPECT_EQ(Between({3, 4}, {1, 5}), nanoseconds(-1'999'999'999));
  EXPECT_EQ(Between({kLeast, 0}, {kMost, 999'999'999}), nanoseconds::max());
  EXPECT_EQ(Between({kMost, 999'999'999}, {kLeast, 0}), nanoseconds::min());
  EXPECT_EQ(Between({0, 0}, {10'000'000'000, 0}), nanoseconds::max());
  EXPECT_EQ(Between({10'000'000'000, 0}, {0, 0}), nanoseconds::min());
  EXPECT_EQ(Between({0, 0}, {9'223'372'036, 854'775'807}), nanoseconds::max());
  EXPECT_EQ(Between({0, 0}, {9'223'372'036, 854'775'808}), nanoseconds::max());
}

TEST(FileTime, OfNowIsTheClocks) {
  const FileTime before = FileTime::Now();
  const FileTime after = FileTime::Now();
  EXPECT_LE(before, after);
  EXPECT_LT(Between(before, FileTime::From({.tv_sec = time(nullptr), .tv_nsec = 0})), std::chrono::seconds(60));
}

}  // namespace
}  // namespace copper
