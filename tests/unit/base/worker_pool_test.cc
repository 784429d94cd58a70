#include "copper/base/worker_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>

#include "fakes/fake_clock.h"

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

// A part of the source that does not answer takes threads, and not the turn of others; what was stuck comes back to the
// same number of threads.
TEST(WorkerPool, TasksThatAreStuckLetOthersPass) {
  fakes::FakeClock clock;
  std::promise<void> release;
  std::atomic<int> stuck = 0, at_once = 0, most_at_once = 0, ran = 0;
  WorkerPool pool("test", 2, WorkerPool::Relief{clock, std::chrono::seconds(10), 4});
  const auto until = [&](const auto& holds) {
    for (const TimePoint end = SteadyClock().Now() + kDeadline; !holds() && SteadyClock().Now() < end;) {
      pool.OnTick();
      std::this_thread::yield();
    }
    return holds();
  };
  const std::shared_future<void> released = release.get_future().share();
  const auto hang = [&] {
    ++stuck;
    released.wait_for(kDeadline);
  };
  const auto work = [&] {
    most_at_once = std::max<int>(most_at_once, ++at_once);
    std::this_thread::yield();
    --at_once;
    ++ran;
  };
  for (int i = 0; i < 5; ++i) pool.Submit(hang);
  ASSERT_TRUE(until([&] { return stuck == 2; }));
  pool.Submit(work);
  for (int i = 0; i < 100; ++i) pool.OnTick();
  EXPECT_EQ(stuck, 2) << "none has been stuck for long";
  clock.Advance(std::chrono::seconds(11));
  ASSERT_TRUE(until([&] { return stuck == 4; }));
  clock.Advance(std::chrono::seconds(11));
  ASSERT_TRUE(until([&] { return stuck == 5 && ran == 1; }));
  for (int i = 0; i < 2; ++i) pool.Submit(hang);
  ASSERT_TRUE(until([&] { return stuck == 6; }));
  clock.Advance(std::chrono::seconds(11));
  for (int i = 0; i < 100; ++i) pool.OnTick();
  EXPECT_EQ(stuck, 6) << "no more than 4 beside the 2 threads";
  release.set_value();
  for (int i = 0; i < 200; ++i) pool.Submit(work);
  EXPECT_TRUE(until([&] { return ran == 201; }));
  EXPECT_LE(most_at_once, 2);
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
