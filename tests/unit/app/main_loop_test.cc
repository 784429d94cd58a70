#include "app/main_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace copper::app {
namespace {

class MainLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    TakeSignals();
    Result<std::unique_ptr<MainLoop>> opened = MainLoop::Open();
    ASSERT_TRUE(opened);
    loop_ = std::move(*opened);
  }

  std::unique_ptr<MainLoop> loop_;
  MainLoop::Handlers handlers_;
};

TEST_F(MainLoopTest, RunsTasksInOrderThatCameBeforeIt) {
  std::vector<int> ran;
  loop_->Submit([&] { ran.push_back(1); });
  loop_->Submit([&] { ran.push_back(2); });
  loop_->Submit([&] { loop_->End(); });
  ASSERT_TRUE(loop_->Run(handlers_));
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
}

TEST_F(MainLoopTest, WakesForTasksOfOtherThreads) {
  const auto main = std::this_thread::get_id();
  std::thread::id ran_by;
  std::thread other([&] {
    loop_->Submit([&] {
      ran_by = std::this_thread::get_id();
      loop_->End();
    });
  });
  ASSERT_TRUE(loop_->Run(handlers_));
  other.join();
  EXPECT_EQ(ran_by, main);
}

TEST_F(MainLoopTest, TasksMayPostTasks) {
  int depth = 0;
  std::function<void()> deeper = [&] {
    if (++depth == 5) return loop_->End();
    loop_->Submit(deeper);
  };
  loop_->Submit(deeper);
  ASSERT_TRUE(loop_->Run(handlers_));
  EXPECT_EQ(depth, 5);
}

TEST_F(MainLoopTest, TakesSignalsWithTheirSender) {
  for (const int sent : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    SetUp();
    int got = 0;
    pid_t from = 0;
    handlers_.on_signal = [&](int signal, pid_t sender) {
      got = signal;
      from = sender;
      loop_->End();
    };
    ASSERT_EQ(kill(getpid(), sent), 0);
    ASSERT_TRUE(loop_->Run(handlers_));
    EXPECT_EQ(got, sent);
    EXPECT_EQ(from, getpid());
  }
}

TEST_F(MainLoopTest, LooksAtTheMountTableOnceAtFirst) {
  int looks = 0;
  handlers_.on_mount_table = [&] {
    ++looks;
    loop_->End();
  };
  loop_->Submit([] {});
  ASSERT_TRUE(loop_->Run(handlers_));
  EXPECT_EQ(looks, 1);
}

TEST_F(MainLoopTest, TicksAsOftenAsItIsTold) {
  int ticks = 0;
  handlers_.on_tick = [&] {
    if (++ticks == 3) loop_->End();
  };
  loop_->TickEvery(std::chrono::milliseconds(50));
  const TimePoint begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(loop_->Run(handlers_));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100));
}

TEST_F(MainLoopTest, ATaskMayLetItTick) {
  handlers_.on_tick = [&] { loop_->End(); };
  loop_->Submit([&] { loop_->TickEvery(std::chrono::hours(1)); });  // the first tick comes at once
  ASSERT_TRUE(loop_->Run(handlers_));
}

TEST_F(MainLoopTest, DoesNotTickUntold) {
  int ticks = 0;
  handlers_.on_tick = [&] { ++ticks; };
  for (int i = 0; i < 3; ++i) loop_->Submit([] {});
  loop_->Submit([&] { loop_->End(); });
  ASSERT_TRUE(loop_->Run(handlers_));
  EXPECT_EQ(ticks, 0);
}

TEST_F(MainLoopTest, WhatComesAfterTheEndIsDropped) {
  auto held = std::make_shared<int>();
  loop_->Submit([&] { loop_->End(); });
  ASSERT_TRUE(loop_->Run(handlers_));
  bool ran = false;
  loop_->Submit([&ran, held] { ran = true; });
  EXPECT_FALSE(ran);
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace copper::app
