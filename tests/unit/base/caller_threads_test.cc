#include "copper/base/caller_threads.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "copper/base/fatal_signals.h"  // private to the module
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using How = CallerThreads::Seen::How;

TEST(ProcThreads, SeeThisThreadAndItsFellows) {
  ProcThreads threads;
  const auto self = threads.Look(gettid());
  ASSERT_EQ(self.how, How::kRead);
  EXPECT_EQ(FateOf(self.status), Fate::kLives);
  EXPECT_GT(self.started, 0U);
  CallerThreads::Seen fellow;
  std::thread([&] { fellow = threads.Look(gettid()); }).join();
  ASSERT_EQ(fellow.how, How::kRead);
  EXPECT_NE(fellow.status, self.status);
  EXPECT_GE(fellow.started, self.started);
}

TEST(ProcThreads, AnyNameIsReadPast) {
  char before[16];
  prctl(PR_GET_NAME, before);
  prctl(PR_SET_NAME, ") R 1 (\n2 3");
  ProcThreads threads;
  const auto odd = threads.Look(gettid());
  prctl(PR_SET_NAME, before);
  ASSERT_EQ(odd.how, How::kRead);
  EXPECT_EQ(odd.started, threads.Look(gettid()).started);
}

TEST(ProcThreads, WhoHasEndedIsAZombieThenGone) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  ProcThreads threads;
  EXPECT_EQ(FateOf(threads.Look(child).status), Fate::kEnds);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_EQ(threads.Look(child).how, How::kGone);
}

TEST(ProcThreads, OfAnotherNamespaceNothingIsKnown) {
  ProcThreads threads;
  EXPECT_EQ(threads.Look(0).how, How::kHidden);
}

// As with hidepid=2: the directory of a thread that is there is missing.
TEST(ProcThreads, WhatMayNotBeSeenIsNotGone) {
  const fakes::TemporaryDirectory proc;
  std::filesystem::create_symlink(std::to_string(getpid()), proc.path() + "/self");
  EXPECT_EQ(ProcThreads(proc.path()).Look(getpid()).how, How::kHidden);
  EXPECT_EQ(ProcThreads(proc.path()).Look(1).how, How::kHidden);
}

TEST(ProcThreads, TheProcOfAnotherNamespaceTellsOfOtherThreads) {
  const fakes::TemporaryDirectory proc;
  const std::string one = proc.path() + "/" + std::to_string(getpid());
  std::filesystem::create_symlink("1", proc.path() + "/self");
  std::filesystem::create_directory(one);
  std::ofstream(one + "/status") << "State:\tZ (zombie)\n";
  std::ofstream(one + "/stat") << "7 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1234 0\n";
  EXPECT_EQ(ProcThreads(proc.path()).Look(getpid()).how, How::kHidden);
  std::filesystem::remove(proc.path() + "/self");
  std::filesystem::create_symlink(std::to_string(getpid()), proc.path() + "/self");
  const auto seen = ProcThreads(proc.path()).Look(getpid());
  EXPECT_EQ(seen.how, How::kRead);
  EXPECT_EQ(seen.started, 1234U);
}

}  // namespace
}  // namespace copper
