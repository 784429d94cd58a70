// Requests that wait: interrupts, the end of the server, the end of the mount.
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "served.h"

namespace copper::fuse {
namespace {

class ServedWaiting : public Served {
 protected:
  // A read that waits for the source.
  uint64_t BlockedRead() {
    store().AddFile("/slow", "slow");
    node_ = kernel_.Lookup(1, "slow").out.nodeid;
    store().Block(Kind::kRead, "/slow");
    const uint64_t request = kernel_.SendRead(node_, 0, 4096);
    EXPECT_TRUE(store().WaitUntilBlocked(Kind::kRead, "/slow", 1));
    return request;
  }
  [[nodiscard]] bool WaitForLooks(int count) const {
    for (int tries = 0; tries < 10'000 && callers_->looks() < count; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return callers_->looks() >= count;
  }
  uint64_t node_ = 0;
};

TEST_F(ServedWaiting, AFatalSignalEndsTheRequestAndTheFlightGoesOn) {
  Start();
  const uint64_t request = BlockedRead();
  KillCaller();
  kernel_.Interrupt(request);
  EXPECT_EQ(kernel_.Wait(request).error, EINTR);
  const uint64_t second = kernel_.SendRead(node_, 0, 4096);
  store().Release(Kind::kRead, "/slow");
  EXPECT_EQ(kernel_.Wait(second).body, "slow");
  EXPECT_EQ(store().counts("/slow").reads, 1U);
}

TEST_F(ServedWaiting, AnInterruptForAHandledSignalChangesNothing) {
  Start();
  callers_->Set(getpid(), {.own = {SIGPROF}, .shared = {SIGALRM, SIGCHLD, SIGSTOP}, .caught = {SIGPROF, SIGALRM}});
  const uint64_t request = BlockedRead();
  kernel_.Interrupt(request);
  ASSERT_TRUE(WaitForLooks(2));  // at once, and again
  EXPECT_FALSE(kernel_.HasAnswer(request));
  store().Release(Kind::kRead, "/slow");
  EXPECT_EQ(kernel_.Wait(request).body, "slow");
}

TEST_F(ServedWaiting, WhoWasInterruptedBeforeIsFoundDying) {
  Start();
  const uint64_t request = BlockedRead();
  kernel_.Interrupt(request);
  ASSERT_TRUE(WaitForLooks(1));
  KillCaller();  // the kernel interrupts no second time
  EXPECT_EQ(kernel_.Wait(request).error, EINTR);
  store().Release(Kind::kRead, "/slow");
}

TEST_F(ServedWaiting, NobodyIsLookedAtWithoutAnInterrupt) {
  Start();
  const uint64_t request = BlockedRead();
  store().Release(Kind::kRead, "/slow");
  EXPECT_EQ(kernel_.Wait(request).body, "slow");
  EXPECT_EQ(callers_->looks(), 0);
}

TEST_F(ServedWaiting, AnInterruptThatComesTwiceOrTooLateIsHarmless) {
  Start();
  KillCaller();
  const uint64_t request = BlockedRead();
  kernel_.Interrupt(request);
  kernel_.Interrupt(request);
  EXPECT_EQ(kernel_.Wait(request).error, EINTR);
  store().Release(Kind::kRead, "/slow");
  EXPECT_EQ(kernel_.Read(node_, 0, 4096).body, "slow");
  kernel_.Interrupt(request);
  EXPECT_EQ(kernel_.Read(node_, 0, 4096).body, "slow");
}

TEST_F(ServedWaiting, AnInterruptBeforeItsRequestIsKept) {
  Start();
  store().AddFile("/slow", "slow");
  const uint64_t id = kernel_.Lookup(1, "slow").out.nodeid;
  store().Block(Kind::kRead, "/slow");
  KillCaller();
  const uint64_t next = kernel_.Send(FUSE_GETXATTR, 1, std::string(sizeof(fuse_getxattr_in), '\0') + 'a') + 2;
  kernel_.Interrupt(next + 2);  // of the read after the interrupt itself
  const uint64_t request = kernel_.SendRead(id, 0, 4096);
  ASSERT_EQ(request, next + 2);
  // libfuse may have turned the interrupt down (EAGAIN: the kernel then sends it again, as here).
  kernel_.Interrupt(request);
  EXPECT_EQ(kernel_.Wait(request).error, EINTR);
  store().Release(Kind::kRead, "/slow");
}

TEST_F(ServedWaiting, FatalSignalsAndCompletionsRace) {
  Start();
  KillCaller();
  for (int round = 0; round < 200; ++round) store().AddFile("/race" + std::to_string(round), "data");
  for (int round = 0; round < 200; ++round) {
    const uint64_t id = kernel_.Lookup(1, "race" + std::to_string(round)).out.nodeid;
    const uint64_t request = kernel_.SendRead(id, 0, 4096);
    kernel_.Interrupt(request);
    const auto answer = kernel_.Wait(request);
    EXPECT_THAT(answer.error, testing::AnyOf(0, EINTR));
    EXPECT_EQ(answer.body, answer.error == 0 ? "data" : "");
  }
}

TEST_F(ServedWaiting, StopAnswersWhatIsPendingAndLaterCompletionsAreHarmless) {
  Start();
  const uint64_t request = BlockedRead();
  server_->Stop();
  EXPECT_EQ(kernel_.Wait(request).error, EIO);
  server_.reset();
  store().Release(Kind::kRead, "/slow");
  job_.reset();  // waits for the read's end, whose answer nobody takes
  EXPECT_EQ(unmounted_, 0);
}

TEST_F(ServedWaiting, StopTwiceAndWithoutStart) {
  Start();
  server_->Stop();
  server_->Stop();
  fakes::FakeKernel other;
  Server unused({}, other.TakeConnection(), job_->node(0).fetcher(), counters_, job_->clock(), log_);
  unused.Stop();
}

TEST_F(ServedWaiting, TheEndOfTheMountIsToldOnce) {
  Start();
  kernel_.Close();
  // With a deadline: the test's own (ctest).
  for (int seen = unmounted_; seen == 0; seen = unmounted_) unmounted_.wait(0);
  server_->Stop();
  EXPECT_EQ(unmounted_, 1);
}

TEST_F(ServedWaiting, ManyAtOnceAreAnsweredEachOnce) {
  Start();
  std::vector<uint64_t> requests;
  for (int i = 0; i < 100; ++i) store().AddFile("/f" + std::to_string(i), std::to_string(i));
  std::vector<uint64_t> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(kernel_.Lookup(1, "f" + std::to_string(i)).out.nodeid);
  for (int i = 0; i < 100; ++i) requests.push_back(kernel_.SendRead(ids[static_cast<size_t>(i)], 0, 100));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(kernel_.Wait(requests[static_cast<size_t>(i)]).body, std::to_string(i));
}

}  // namespace
}  // namespace copper::fuse
