#include "copper/base/aside.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace copper {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);

TEST(Aside, IsDoneWhenItsWorkIs) {
  auto seen = std::make_shared<int>(0);
  const Aside aside([seen] { *seen = 7; });
  ASSERT_TRUE(aside.IsDoneWithin(kDeadline));
  EXPECT_EQ(*seen, 7);
  EXPECT_TRUE(aside.IsDoneWithin(Duration(0))) << "still";
}

TEST(Aside, IsNotWaitedForBeyondOnesPatience) {
  auto release = std::make_shared<std::promise<void>>();
  const Aside aside([released = release->get_future().share()] { released.wait(); });
  EXPECT_FALSE(aside.IsDoneWithin(std::chrono::milliseconds(1)));
  release->set_value();
  EXPECT_TRUE(aside.IsDoneWithin(kDeadline)) << "asked again";
}

TEST(Aside, WhatItHoldsIsFreedBeforeItIsDone) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = held;
  const Aside aside([held = std::move(held)] {});
  ASSERT_TRUE(aside.IsDoneWithin(kDeadline));
  EXPECT_TRUE(watch.expired());
}

TEST(Aside, OutlivesWhoeverBeganIt) {
  std::promise<void> done;
  const std::shared_future<void> finished = done.get_future().share();
  auto release = std::make_shared<std::promise<void>>();
  {
    const Aside aside([released = release->get_future().share(), done = std::move(done)]() mutable {
      released.wait();
      done.set_value();
    });
    EXPECT_FALSE(aside.IsDoneWithin(Duration(0)));
  }
  release->set_value();
  EXPECT_EQ(finished.wait_for(kDeadline), std::future_status::ready);
}

}  // namespace
}  // namespace copper
