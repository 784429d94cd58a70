#include "copper/base/wakeup.h"

#include <gtest/gtest.h>

#include <thread>

namespace copper {
namespace {

TEST(Wakeup, WhoWaitsGoesOn) {
  const std::shared_ptr<Wakeup> wakeup = ThreadWakeups().Make();
  const std::jthread waker([wakeup] { wakeup->Wake(); });
  EXPECT_TRUE(wakeup->WaitUntil(kNever));
}

TEST(Wakeup, IsKeptForWhoComesLaterOnce) {
  const std::shared_ptr<Wakeup> wakeup = ThreadWakeups().Make();
  wakeup->Wake();
  wakeup->Wake();
  EXPECT_TRUE(wakeup->WaitUntil(kNever));
  EXPECT_FALSE(wakeup->WaitUntil(SteadyClock().Now()));
}

TEST(Wakeup, EndsWithTheTime) {
  const TimePoint until = SteadyClock().Now() + std::chrono::milliseconds(1);
  EXPECT_FALSE(ThreadWakeups().Make()->WaitUntil(until));
  EXPECT_GE(SteadyClock().Now(), until);
}

}  // namespace
}  // namespace copper
