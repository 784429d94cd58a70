#include "copper/cache/absent_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::cache {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const TimePoint kNow{seconds(1000)};

auto Is(const std::string& path, TimePoint until) {
  return testing::AllOf(testing::Field(&AbsentNames::Absent::path, path),
                        testing::Field(&AbsentNames::Absent::until, until));
}

TEST(AbsentNames, AreTakenBackByPath) {
  AbsentNames names;
  for (const char* path : {"/a", "/a/b", "/ab"}) EXPECT_TRUE(names.Note(path, kNever, kNow));
  EXPECT_TRUE(names.Note("/a/b/c", kNow + seconds(2), kNow));
  EXPECT_THAT(names.Take("/a/b"), UnorderedElementsAre(Is("/a/b", kNever), Is("/a/b/c", kNow + seconds(2))));
  EXPECT_THAT(names.Take("/a/b"), IsEmpty());
  EXPECT_THAT(names.Take("/"), UnorderedElementsAre(Is("/a", kNever), Is("/ab", kNever)));
}

TEST(AbsentNames, OneIsTakenBackOnce) {
  AbsentNames names;
  for (const char* path : {"/a", "/a/b"}) EXPECT_TRUE(names.Note(path, kNow + seconds(2), kNow));
  EXPECT_EQ(names.TakeOne("/b"), std::nullopt);
  EXPECT_EQ(names.TakeOne("/a"), kNow + seconds(2));
  EXPECT_EQ(names.TakeOne("/a"), std::nullopt);
  EXPECT_EQ(names.size(), 1U);
}

TEST(AbsentNames, WhatTheKernelMayNotKeepNeedsNoMemory) {
  AbsentNames names;
  EXPECT_TRUE(names.Note("/a", kNow, kNow));
  EXPECT_EQ(names.size(), 0U);
}

TEST(AbsentNames, AreBounded) {
  AbsentNames names;
  for (size_t i = 0; i < AbsentNames::kMax; ++i) ASSERT_TRUE(names.Note(std::to_string(i), kNow + seconds(2), kNow));
  EXPECT_FALSE(names.Note("/more", kNow + seconds(2), kNow)) << "the kernel is to ask each time";
  EXPECT_TRUE(names.Note("7", kNow + seconds(3), kNow)) << "known already";
  EXPECT_TRUE(names.Note("/more", kNow + seconds(4), kNow + seconds(2))) << "the old ones' time is over";
  EXPECT_EQ(names.size(), 2U);
}

TEST(AbsentNames, BoundedForTheWholeJobToo) {
  AbsentNames names;
  for (size_t i = 0; i < AbsentNames::kMax; ++i) ASSERT_TRUE(names.Note("/" + std::to_string(i), kNever, kNow));
  EXPECT_FALSE(names.Note("/more", kNever, kNow + std::chrono::hours(100)));
  EXPECT_EQ(names.Take("/").size(), AbsentNames::kMax);
  EXPECT_TRUE(names.Note("/more", kNever, kNow));
}

}  // namespace
}  // namespace copper::cache
