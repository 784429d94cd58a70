#include "app/mpi_guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "app/main_loop.h"

namespace copper::app {
namespace {

void Say(const std::string& reason) {
  std::fprintf(stderr, "%s\n", reason.c_str());
}

using WhenTold = MpiGuard::WhenTold;

void HangGuarded(Duration patience, int signal, WhenTold when_told = WhenTold::kEnds) {
  TakeSignals();
  const MpiGuard guard(patience, std::chrono::milliseconds(50), when_told, 5, Say);
  if (signal != 0) kill(getpid(), signal);
  while (true) pause();
}

TEST(MpiGuardDeathTest, EndsTheProcessWhenTheTimeIsOver) {
  EXPECT_EXIT(HangGuarded(std::chrono::milliseconds(50), 0), testing::ExitedWithCode(5), "did not return in time");
}

TEST(MpiGuardDeathTest, EndsTheProcessForASignal) {
  EXPECT_EXIT(HangGuarded(std::chrono::hours(1), SIGTERM), testing::ExitedWithCode(5), "signal 15");
  EXPECT_EXIT(HangGuarded(std::chrono::hours(1), SIGUSR1), testing::ExitedWithCode(5), "another rank has died");
}

// Schedulers say it more than once: what is left of the time is for the profile.
TEST(MpiGuardDeathTest, WhoIsEndingAlreadyGoesOn) {
  EXPECT_EXIT(HangGuarded(std::chrono::milliseconds(200), SIGTERM, WhenTold::kGoesOn), testing::ExitedWithCode(5),
              "did not return in time");
}

TEST(MpiGuard, DoesNothingWhereMpiReturns) {
  const MpiGuard guard(std::chrono::hours(1), std::chrono::hours(1), WhenTold::kEnds, 5,
                       [](const std::string&) { FAIL(); });
}

// Rank 0 says that the job is ready as soon as it is through; a rank that dies then must not take those with it that
// are about to be.
TEST(MpiGuard, LetsMpiReturnAfterADeathAndPassesTheSignalOn) {
  TakeSignals();
  {
    const MpiGuard guard(std::chrono::hours(1), std::chrono::hours(1), WhenTold::kEnds, 5,
                         [](const std::string&) { FAIL(); });
    kill(getpid(), SIGUSR1);
  }
  sigset_t death;
  sigemptyset(&death);
  sigaddset(&death, SIGUSR1);
  const timespec no_wait{};
  EXPECT_EQ(sigtimedwait(&death, nullptr, &no_wait), SIGUSR1);
}

}  // namespace
}  // namespace copper::app
