#include "copper/base/worker_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>

namespace copper {
namespace {

constexpr auto kDeadline = std::chrono::seconds(30);

TEST(WorkerPool, OneThreadRunsTasksInOrder) {
  WorkerPool pool("test", 1);
  std::vector<int> order;
  std::promise<void> done;
  for (int i = 0; i < 100; ++i) pool.Submit([&order, i] { order.push_back(i); });
  pool.Submit([&done] { done.set_value(); });
  ASSERT_EQ(done.get_future().wait_for(kDeadline), std::future_status::ready);
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

// Each task waits for all others to have begun, so that they end only if they run at once.
TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  constexpr int kThreads = 8;
  std::mutex mutex;
  std::condition_variable all_here;
  int here = 0;
  std::atomic<int> met = 0;
  std::promise<void> done;
  WorkerPool pool("test", kThreads);
  for (int i = 0; i < kThreads; ++i) {
    pool.Submit([&] {
      std::unique_lock lock(mutex);
      if (++here == kThreads) all_here.notify_all();
      if (!all_here.wait_for(lock, kDeadline, [&] { return here == kThreads; })) return;
      if (++met == kThreads) done.set_value();
    });
  }
  EXPECT_EQ(done.get_future().wait_for(kDeadline), std::future_status::ready);
}

TEST(WorkerPool, StopDropsWhatHasNotBegunAndWaitsForWhatHas) {
  WorkerPool pool("test", 1);
  std::promise<void> begun;
  std::promise<void> release;
  std::atomic<int> ran = 0;
  pool.Submit([&, released = release.get_future()] {
    begun.set_value();
    released.wait_for(kDeadline);
    ++ran;
  });
  ASSERT_EQ(begun.get_future().wait_for(kDeadline), std::future_status::ready);
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = held;
  for (int i = 0; i < 10; ++i) pool.Submit([&ran, held] { ++ran; });
  held.reset();
  std::thread stopper([&pool] { pool.Stop(); });
  // Tasks are dropped at once from when Stop has begun; until then they queue up behind the first.
  for (bool dropped = false; !dropped;) {
    auto probe = std::make_shared<int>(0);
    const std::weak_ptr<int> probed = probe;
    pool.Submit([&ran, probe = std::move(probe)] { ++ran; });
    dropped = probed.expired();
  }
  EXPECT_EQ(ran, 0);
  release.set_value();
  stopper.join();
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(watch.expired()) << "what dropped tasks hold is freed";
  pool.Stop();
}

TEST(WorkerPool, TasksFromManyThreadsAllRun) {
  std::atomic<int> ran = 0;
  std::promise<void> done;
  WorkerPool pool("test", 4);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        pool.Submit([&] {
          if (++ran == 4000) done.set_value();
        });
      }
    });
  }
  EXPECT_EQ(done.get_future().wait_for(kDeadline), std::future_status::ready);
}

// While it lives no thread can be made: none finds room for a stack of that size.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    pthread_getattr_default_np(&usual_);
    pthread_attr_t huge;
    pthread_getattr_default_np(&huge);
    pthread_attr_setstacksize(&huge, size_t{1} << 46);
    pthread_setattr_default_np(&huge);
    pthread_attr_destroy(&huge);
  }
  ~NoMoreThreads() {
    pthread_setattr_default_np(&usual_);
    pthread_attr_destroy(&usual_);
  }
  NoMoreThreads(const NoMoreThreads&) = delete;

 private:
  pthread_attr_t usual_{};
};

TEST(WorkerPool, WhereNoThreadIsToBeHadTasksWaitForTheNext) {
  WorkerPool pool("test", 2);
  std::promise<void> first, second;
  {
    const NoMoreThreads limit;
    ASSERT_NO_THROW(pool.Submit([&first] { first.set_value(); }));
  }
  pool.Submit([&second] { second.set_value(); });
  EXPECT_EQ(first.get_future().wait_for(kDeadline), std::future_status::ready);
  EXPECT_EQ(second.get_future().wait_for(kDeadline), std::future_status::ready);
}

}  // namespace
}  // namespace copper
