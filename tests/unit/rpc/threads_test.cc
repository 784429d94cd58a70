// Many threads at once, and ends at bad moments. Worth most under the thread sanitizer.
#include <atomic>
#include <latch>
#include <thread>

#include "copper/base/worker_pool.h"
#include "fixture.h"

namespace copper::rpc {
namespace {

using ThreadsTest = ChannelTest;

// Counts outcomes, and waits for a number of them.
class Tally {
 public:
  Channel::Done Done() {
    return [this](const Result<Reply>& reply) {
      const std::lock_guard lock(mutex_);
      ++(reply && reply->error == 0 ? good_ : bad_);
      changed_.notify_all();
    };
  }
  bool WaitFor(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return good_ + bad_ >= count; });
  }
  int good() const { return good_; }
  int bad() const { return bad_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int good_ = 0, bad_ = 0;
};

TEST_F(ThreadsTest, EveryoneAsksEveryone) {
  WorkerPool pool("answering", 3);
  for (ScriptedHandler& handler : handlers_) {
    handler.SetScript([&](Rank, Request request, TimePoint, Responder respond) {
      auto shared = std::make_shared<Responder>(std::move(respond));
      pool.Submit([shared, path = request.path] { (*shared)({.payload = BytesOf(path)}); });
    });
  }
  StartAll(4);
  constexpr int kCalls = 300;
  Tally tally;
  std::vector<std::thread> threads;
  for (Rank from = 0; from < kRanks; ++from) {
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, from] {
        for (int i = 0; i < kCalls; ++i) {
          channel(from).Call(static_cast<Rank>(i) % kRanks, {.path = "/a"}, clock_.Now() + kLong, tally.Done());
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(tally.WaitFor(kRanks * 2 * kCalls));
  EXPECT_EQ(tally.bad(), 0);
  pool.Stop();
}

TEST_F(ThreadsTest, StopWhileOthersAskAndAnswer) {
  WorkerPool pool("answering", 2);
  for (ScriptedHandler& handler : handlers_) {
    handler.SetScript([&](Rank, Request, TimePoint, Responder respond) {
      auto shared = std::make_shared<Responder>(std::move(respond));
      pool.Submit([shared] { (*shared)({}); });
    });
  }
  StartAll(4);
  constexpr int kCalls = 500;
  Tally tally;
  std::latch halfway(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kCalls; ++i) {
        channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, tally.Done());
        if (i == kCalls / 2) halfway.count_down();
      }
    });
  }
  halfway.wait();
  channel(1).Stop();
  channel(0).Stop();
  for (std::thread& thread : threads) thread.join();
  // Each has had its outcome by now: nothing is left that could bring one.
  EXPECT_EQ(tally.good() + tally.bad(), 4 * kCalls);
  pool.Stop();
}

TEST_F(ThreadsTest, CallbacksMayAskAgain) {
  StartAll(2);
  constexpr int kFirst = 8;
  constexpr int kMore = 1000;
  std::atomic<int> left{kMore};
  Tally tally;
  std::function<void()> ask = [&] {
    channel(0).Call(1, {.path = "/a"}, clock_.Now() + kLong, [&, done = tally.Done()](Result<Reply> reply) mutable {
      if (--left >= 0) ask();
      done(std::move(reply));
    });
  };
  for (int i = 0; i < kFirst; ++i) ask();
  EXPECT_TRUE(tally.WaitFor(kFirst + kMore));
  StopAll();
  EXPECT_EQ(tally.bad(), 0);
}

// A handler that asks further, as the nodes of a tree do.
TEST_F(ThreadsTest, RequestsArePassedOn) {
  for (Rank rank = 0; rank + 1 < kRanks; ++rank) {
    handlers_[rank].SetScript([&, rank](Rank, Request request, TimePoint deadline, Responder respond) {
      ++request.hops;
      channel(rank).Call(rank + 1, std::move(request), deadline,
                         [respond = std::move(respond)](Result<Reply> reply) mutable {
                           if (reply) respond(std::move(*reply));
                         });
    });
  }
  handlers_[kRanks - 1].SetScript(
      [](Rank, Request request, TimePoint, Responder respond) { respond({.argument = request.hops}); });
  StartAll(3);
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 200; ++i) outcomes.push_back(Ask(0, 0));
  for (Outcome& outcome : outcomes) ASSERT_EQ(outcome.Get()->argument, kRanks - 1);
}

}  // namespace
}  // namespace copper::rpc
