#include "fuse/interrupted_requests.h"  // private to the module

#include <gtest/gtest.h>

#include <csignal>
#include <latch>

#include "fakes/fake_clock.h"
#include "fakes/fake_threads.h"

namespace copper::fuse {
namespace {

using fakes::FakeThreads;
using fakes::ThreadStatus;
using How = CallerThreads::Seen::How;

class Request final : public Interruptible {
 public:
  void EndInterrupted() override {
    ++ends;
    if (handler_is_at_work) return;
    answered = true;
    answered.notify_all();
  }
  bool IsAnswered() const override { return answered; }

  std::atomic<int> ends{0};
  std::atomic<bool> answered{false};
  bool handler_is_at_work = false;
};

class InterruptedRequestsTest : public testing::Test {
 protected:
  static constexpr pid_t kThread = 7;

  std::shared_ptr<Request> Interrupt(pid_t thread = kThread) {
    auto request = std::make_shared<Request>();
    requests_.Add(request, thread);
    requests_.LookAtNew();
    return request;
  }
  void Pass(Duration time) {
    clock_.Advance(time);
    requests_.LookAtAll();
  }

  const std::shared_ptr<FakeThreads> threads_ = std::make_shared<FakeThreads>();
  fakes::FakeClock clock_;
  InterruptedRequests requests_{threads_, clock_};
};

TEST_F(InterruptedRequestsTest, WhoIsToDieIsLetGoAtOnce) {
  threads_->Set(kThread, {.own = {SIGKILL}});
  const auto request = Interrupt();
  EXPECT_EQ(request->ends, 1);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(InterruptedRequestsTest, WhoLivesIsLookedAtUntilItDies) {
  const auto request = Interrupt();
  for (int i = 0; i < 100; ++i) Pass(std::chrono::seconds(10));
  EXPECT_EQ(request->ends, 0);
  threads_->Set(kThread, {.shared = {SIGQUIT}});
  Pass({});
  EXPECT_EQ(request->ends, 1);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(InterruptedRequestsTest, WhatIsAnsweredIsNotLookedAtAgain) {
  const auto answered = Interrupt();
  auto gone = Interrupt();
  answered->answered = true;
  gone.reset();
  const int looks = threads_->looks();
  Pass({});
  EXPECT_EQ(threads_->looks(), looks);
  EXPECT_TRUE(requests_.empty());
  EXPECT_EQ(answered->ends, 0);
}

TEST_F(InterruptedRequestsTest, OneThatIsStillBeingHandledIsTriedAgain) {
  threads_->Set(kThread, {.own = {SIGKILL}});
  const auto request = std::make_shared<Request>();
  request->handler_is_at_work = true;
  requests_.Add(request, kThread);
  requests_.LookAtNew();
  EXPECT_FALSE(requests_.empty());
  request->handler_is_at_work = false;
  Pass({});
  EXPECT_TRUE(request->answered);
}

TEST_F(InterruptedRequestsTest, WhoIsGoneIsLetGo) {
  const auto request = Interrupt();
  threads_->Set(kThread, {.how = How::kGone, .status = {}});
  Pass({});
  EXPECT_EQ(request->ends, 1);
}

TEST_F(InterruptedRequestsTest, AnotherThreadWithTheSameIdIsNotTheOneThatWaited) {
  threads_->Set(kThread, ThreadStatus{}, 100);
  const auto request = Interrupt();
  Pass({});
  EXPECT_EQ(request->ends, 0);
  threads_->Set(kThread, ThreadStatus{}, 200);
  Pass({});
  EXPECT_EQ(request->ends, 1);
}

TEST_F(InterruptedRequestsTest, OfWhomNothingIsKnownIsWaitedForTenSeconds) {
  threads_->Set(0, {.how = How::kHidden, .status = {}});
  threads_->Set(8, {.how = How::kRead, .status = "nonsense", .started = 1});
  const auto elsewhere = Interrupt(0), unclear = Interrupt(8);
  Pass(std::chrono::milliseconds(9'999));
  EXPECT_EQ(elsewhere->ends + unclear->ends, 0);
  Pass(std::chrono::milliseconds(1));
  EXPECT_EQ(elsewhere->ends, 1);
  EXPECT_EQ(unclear->ends, 1);
}

TEST_F(InterruptedRequestsTest, WhoCouldNotBeSeenForAMomentIsJudgedAgain) {
  threads_->Set(kThread, {.how = How::kHidden, .status = {}});  // no descriptor was left
  const auto request = Interrupt();
  threads_->Set(kThread, ThreadStatus{});
  Pass(std::chrono::minutes(1));
  EXPECT_EQ(request->ends, 0);
}

TEST_F(InterruptedRequestsTest, TheThreadLooksByItselfAndSleepsOtherwise) {
  requests_.Start();
  const auto request = std::make_shared<Request>();
  requests_.Add(request, kThread);
  while (threads_->looks() < 2) std::this_thread::yield();  // deadline: the test's own (ctest)
  EXPECT_FALSE(request->answered);
  threads_->Set(kThread, {.own = {SIGKILL}});
  request->answered.wait(false);
  EXPECT_EQ(request->ends, 1);
  requests_.Stop();
  EXPECT_TRUE(requests_.empty());
  const int looks = threads_->looks();
  requests_.Add(std::make_shared<Request>(), kThread);  // too late: nobody is there to look
  EXPECT_EQ(threads_->looks(), looks);
}

}  // namespace
}  // namespace copper::fuse
