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

void HangGuarded(Duration patience, int signal) {
  TakeSignals();
  const MpiGuard guard(patience, 5, Say);
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

TEST(MpiGuard, DoesNothingWhereMpiReturns) {
  const MpiGuard guard(std::chrono::hours(1), 5, [](const std::string&) { FAIL(); });
}

}  // namespace
}  // namespace copper::app
