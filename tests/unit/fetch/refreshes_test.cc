#include "fetch/refreshes.h"  // private to the module

#include <gtest/gtest.h>

namespace copper::fetch {
namespace {

// What a node keeps of refreshes does not grow for ever.
TEST(Refreshes, WhatARefreshFurtherUpMakesSuperfluousGoes) {
  Refreshes refreshes;
  RefreshId id;
  const auto refresh = [&](const std::string& path) {
    ++id.number;
    EXPECT_TRUE(refreshes.Begin(id, path, kNever, [](auto, auto) {}));
    EXPECT_TRUE(refreshes.End(id));
  };
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) refresh("/d" + std::to_string(round) + "/f" + std::to_string(i));
    const Refreshes::Epoch file = refreshes.Of("/d0/f7", AskedOf::kSource);
    refresh("/");
    EXPECT_GT(refreshes.Of("/d0/f7", AskedOf::kSource), file);
    EXPECT_GT(refreshes.OfListing("/d0", AskedOf::kSource), file);
  }
  EXPECT_LT(refreshes.size(), 2100U);
  refresh("/d3/f1");
  EXPECT_GT(refreshes.Of("/d3/f1", AskedOf::kSource), refreshes.Of("/d3/f2", AskedOf::kSource));
  EXPECT_GT(refreshes.OfListing("/d3", AskedOf::kSource), refreshes.OfListing("/d4", AskedOf::kSource));
}

// A script that refreshes every file of a large tree by itself, for days.
TEST(Refreshes, OfTooManyPathsDirectoriesAreKept) {
  Refreshes refreshes;
  RefreshId id;
  const auto name = [](int i) { return "/top/d" + std::to_string(i % 700) + "/f" + std::to_string(i); };
  constexpr int kPaths = 3 * static_cast<int>(Refreshes::kMostPaths);
  for (int i = 0; i < kPaths; ++i) {
    const Refreshes::Epoch before = refreshes.Of(name(i), AskedOf::kSource);
    ++id.number;
    EXPECT_TRUE(refreshes.Begin(id, name(i), kNever, [](auto, auto) {}));
    EXPECT_TRUE(refreshes.End(id));
    ASSERT_GT(refreshes.Of(name(i), AskedOf::kSource), before);
    ASSERT_LE(refreshes.size(), Refreshes::kMostPaths + 2);
  }
  const Refreshes::Epoch last = refreshes.Of(name(kPaths - 1), AskedOf::kSource);
  for (int i = 0; i < kPaths; i += 1'000) {
    EXPECT_GT(refreshes.Of(name(i), AskedOf::kSource), 0U) << "never as if it had not been refreshed";
    EXPECT_LE(refreshes.Of(name(i), AskedOf::kSource), last);
  }
}

}  // namespace
}  // namespace copper::fetch
