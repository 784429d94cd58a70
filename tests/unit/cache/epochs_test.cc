#include "copper/cache/epochs.h"

#include <gtest/gtest.h>

namespace copper::cache {
namespace {

constexpr auto kNoCarry = [](Epoch, Epoch) {};

TEST(Epochs, APathAndAllBelowItGetANewEpoch) {
  Epochs epochs;
  EXPECT_EQ(epochs.Of("/a/b", AskedOf::kSource), 0U);
  ASSERT_TRUE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry));
  EXPECT_NE(epochs.Of("/a", AskedOf::kSource), 0U);
  EXPECT_NE(epochs.Of("/a/b", AskedOf::kSource), 0U);
  EXPECT_EQ(epochs.Of("/ab", AskedOf::kSource), 0U);
  EXPECT_EQ(epochs.Of("/", AskedOf::kSource), 0U);
  EXPECT_NE(epochs.OfListing("/", AskedOf::kSource), 0U) << "the listing that names it";
  EXPECT_EQ(epochs.OfListing("/ab", AskedOf::kSource), 0U);
  const Epoch first = epochs.Of("/a/b", AskedOf::kSource);
  ASSERT_TRUE(epochs.Begin({0, 2}, "/a/b/c", kNever, kNoCarry));
  EXPECT_EQ(epochs.Of("/a/b", AskedOf::kSource), first);
  EXPECT_GT(epochs.Of("/a/b/c", AskedOf::kSource), first);
  ASSERT_TRUE(epochs.Begin({0, 3}, "/", kNever, kNoCarry));
  EXPECT_EQ(epochs.Of("/a/b/c", AskedOf::kSource), epochs.Of("/x", AskedOf::kSource));
}

TEST(Epochs, BetweenThePassesWhatAParentSaysIsNeitherSharedNorKept) {
  Epochs epochs;
  ASSERT_TRUE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry));
  const Epoch one = epochs.Of("/a/b", AskedOf::kParent), other = epochs.Of("/a/b", AskedOf::kParent);
  EXPECT_NE(one, other);
  EXPECT_FALSE(Epochs::IsKept(one) || Epochs::IsKept(other));
  EXPECT_TRUE(Epochs::IsKept(epochs.Of("/a/b", AskedOf::kSource)));
  EXPECT_TRUE(Epochs::IsKept(epochs.Of("/b", AskedOf::kParent)));
  EXPECT_FALSE(Epochs::IsKept(epochs.OfListing("/", AskedOf::kParent)));
  ASSERT_TRUE(epochs.End({0, 1}));
  EXPECT_EQ(epochs.Of("/a/b", AskedOf::kParent), epochs.Of("/a/b", AskedOf::kSource));
  EXPECT_FALSE(epochs.any_open());
}

TEST(Epochs, TwoOfOnePathEndEachForItself) {
  Epochs epochs;
  ASSERT_TRUE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry));
  ASSERT_TRUE(epochs.Begin({1, 1}, "/a", kNever, kNoCarry));
  ASSERT_TRUE(epochs.End({0, 1}));
  EXPECT_FALSE(Epochs::IsKept(epochs.Of("/a", AskedOf::kParent)));
  ASSERT_TRUE(epochs.End({1, 1}));
  EXPECT_TRUE(Epochs::IsKept(epochs.Of("/a", AskedOf::kParent)));
}

TEST(Epochs, MessagesThatComeTwiceOrLateDoNothing) {
  Epochs epochs;
  EXPECT_FALSE(epochs.End({0, 1}));
  ASSERT_TRUE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry));
  EXPECT_FALSE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry));
  ASSERT_TRUE(epochs.End({0, 1}));
  EXPECT_FALSE(epochs.Begin({0, 1}, "/a", kNever, kNoCarry)) << "overtaken by its end";
  EXPECT_FALSE(epochs.any_open());
}

// What a node keeps of refreshes does not grow for ever.
TEST(Epochs, WhatARefreshFurtherUpMakesSuperfluousGoes) {
  Epochs epochs;
  RefreshId id;
  const auto refresh = [&](const std::string& path) {
    ++id.number;
    EXPECT_TRUE(epochs.Begin(id, path, kNever, [](auto, auto) {}));
    EXPECT_TRUE(epochs.End(id));
  };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) refresh("/d" + std::to_string(round) + "/f" + std::to_string(i));
    const Epoch file = epochs.Of("/d0/f7", AskedOf::kSource);
    refresh("/");
    EXPECT_GT(epochs.Of("/d0/f7", AskedOf::kSource), file);
    EXPECT_GT(epochs.OfListing("/d0", AskedOf::kSource), file);
  }
  EXPECT_LT(epochs.size(), 2100U);
  refresh("/d3/f1");
  EXPECT_GT(epochs.Of("/d3/f1", AskedOf::kSource), epochs.Of("/d3/f2", AskedOf::kSource));
  EXPECT_GT(epochs.OfListing("/d3", AskedOf::kSource), epochs.OfListing("/d4", AskedOf::kSource));
}

// A script that refreshes every file of a large tree by itself, for days.
TEST(Epochs, OfTooManyPathsDirectoriesAreKept) {
  Epochs epochs;
  RefreshId id;
  const auto name = [](int i) { return "/top/d" + std::to_string(i % 700) + "/f" + std::to_string(i); };
  constexpr int kPaths = 3 * static_cast<int>(Epochs::kMostPaths);
  for (int i = 0; i < kPaths; ++i) {
    const Epoch before = epochs.Of(name(i), AskedOf::kSource);
    ++id.number;
    EXPECT_TRUE(epochs.Begin(id, name(i), kNever, [](auto, auto) {}));
    EXPECT_TRUE(epochs.End(id));
    ASSERT_GT(epochs.Of(name(i), AskedOf::kSource), before);
    ASSERT_LE(epochs.size(), Epochs::kMostPaths + 2);
  }
  const Epoch last = epochs.Of(name(kPaths - 1), AskedOf::kSource);
  for (int i = 0; i < kPaths; i += 1'000) {
    EXPECT_GT(epochs.Of(name(i), AskedOf::kSource), 0U) << "never as if it had not been refreshed";
    EXPECT_LE(epochs.Of(name(i), AskedOf::kSource), last);
  }
}

}  // namespace
}  // namespace copper::cache
