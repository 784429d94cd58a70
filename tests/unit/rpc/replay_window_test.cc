#include "rpc/replay_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace copper::rpc {
namespace {

constexpr uint64_t kWindow = ReplayWindow::kWindow;

TEST(ReplayWindowTest, TakesEachOnce) {
  ReplayWindow window;
  for (uint64_t sequence = 0; sequence < 1000; ++sequence) {
    EXPECT_TRUE(window.Take(sequence));
    for (uint64_t again = 0; again <= sequence; again += 7) EXPECT_FALSE(window.Take(again));
  }
}

TEST(ReplayWindowTest, TakesWhatWasOvertaken) {
  ReplayWindow window;
  EXPECT_TRUE(window.Take(kWindow - 1));
  EXPECT_TRUE(window.Take(0));
  EXPECT_FALSE(window.Take(0));
  EXPECT_TRUE(window.Take(63));
  EXPECT_TRUE(window.Take(64));
  EXPECT_FALSE(window.Take(63));
}

TEST(ReplayWindowTest, WhatIsTooLateIsNotTaken) {
  ReplayWindow window;
  EXPECT_TRUE(window.Take(5 * kWindow));
  EXPECT_FALSE(window.Take(4 * kWindow));
  EXPECT_TRUE(window.Take(5 * kWindow - kWindow / 2));
  EXPECT_FALSE(window.Take(5 * kWindow));
  EXPECT_TRUE(window.Take(UINT64_MAX));
  EXPECT_FALSE(window.Take(UINT64_MAX));
  EXPECT_FALSE(window.Take(5 * kWindow + 1));
}

// Against a set that remembers everything: messages shuffled over half a window, each sent three times.
TEST(ReplayWindowTest, AgreesWithOneThatForgetsNothing) {
  std::mt19937_64 random(7);
  std::vector<std::pair<uint64_t, uint64_t>> sent;  // when it comes, which it is
  for (uint64_t sequence = 0; sequence < 3 * kWindow; ++sequence) {
    if (sequence % 1000 == 13) continue;  // lost
    for (int i = 0; i < 3; ++i) sent.emplace_back(sequence + random() % (kWindow / 2), sequence);
  }
  std::ranges::sort(sent);
  ReplayWindow window;
  std::set<uint64_t> come;
  for (const auto& [when, sequence] : sent) ASSERT_EQ(window.Take(sequence), come.insert(sequence).second) << sequence;
}

}  // namespace
}  // namespace copper::rpc
