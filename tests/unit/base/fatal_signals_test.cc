#include "copper/base/fatal_signals.h"  // private to the module

#include <gtest/gtest.h>

#include <csignal>

#include "fakes/fake_threads.h"

namespace copper {
namespace {

using fakes::ThreadStatus;

// What is pending for the thread alone is judged like what is pending for its group.
void ExpectPending(int number, Fate fate, ThreadStatus others = {}) {
  others.own = {number};
  EXPECT_EQ(FateOf(others.Text()), fate) << strsignal(number) << " of the thread";
  others.own = {};
  others.shared = {number};
  EXPECT_EQ(FateOf(others.Text()), fate) << strsignal(number) << " of the group";
}

TEST(FatalSignals, NothingIsPending) {
  EXPECT_EQ(FateOf(ThreadStatus{}.Text()), Fate::kLives);
}

TEST(FatalSignals, EachByItsDefault) {
  for (int number = 1; number <= 64; ++number) {
    switch (number) {
      case SIGCHLD:
      case SIGCONT:
      case SIGURG:
      case SIGWINCH:
      case SIGSTOP:
      case SIGTSTP:
      case SIGTTIN:
      case SIGTTOU:
        ExpectPending(number, Fate::kLives);
        break;
      default:
        ExpectPending(number, Fate::kEnds);
    }
  }
}

TEST(FatalSignals, WhatIsHandledIgnoredOrHeldBackDoesNotEnd) {
  for (const int number : {SIGTERM, SIGALRM, SIGPROF, SIGQUIT, SIGSEGV, 34, 64}) {
    ExpectPending(number, Fate::kLives, {.blocked = {number}});
    ExpectPending(number, Fate::kLives, {.ignored = {number}});
    ExpectPending(number, Fate::kLives, {.caught = {number}});
    ExpectPending(number, Fate::kEnds, {.blocked = {SIGUSR1}, .ignored = {SIGUSR2}, .caught = {SIGHUP}});
  }
}

TEST(FatalSignals, NothingHoldsBackSigkill) {
  ExpectPending(SIGKILL, Fate::kEnds, {.blocked = {SIGKILL}, .ignored = {SIGKILL}, .caught = {SIGKILL}, .tracer = 12});
}

TEST(FatalSignals, AFatalOneIsFoundAmongOthers) {
  EXPECT_EQ(FateOf(ThreadStatus{.own = {SIGALRM}, .shared = {SIGCHLD, SIGABRT}, .caught = {SIGALRM}}.Text()),
            Fate::kEnds);
}

TEST(FatalSignals, ATracerMayTakeItAway) {
  for (const int number : {SIGINT, SIGTERM, SIGTRAP, SIGSEGV}) ExpectPending(number, Fate::kLives, {.tracer = 12});
}

TEST(FatalSignals, WhoHasEndedWaitsNoMore) {
  EXPECT_EQ(FateOf(ThreadStatus{.state = "Z (zombie)"}.Text()), Fate::kEnds);
  EXPECT_EQ(FateOf(ThreadStatus{.state = "X (dead)"}.Text()), Fate::kEnds);
  EXPECT_EQ(FateOf(ThreadStatus{.state = "T (stopped)"}.Text()), Fate::kLives);
}

TEST(FatalSignals, ATextThatDoesNotSayIsNoJudgement) {
  EXPECT_EQ(FateOf(""), Fate::kUnknown);
  EXPECT_EQ(FateOf("nonsense\n\n\n"), Fate::kUnknown);
  const std::string whole = ThreadStatus{.own = {SIGALRM}, .caught = {SIGALRM}}.Text();
  const size_t needed = whole.find("CapInh");
  for (size_t length = 0; length < whole.size(); ++length) {
    const Fate fate = FateOf(whole.substr(0, length));
    // Not a word of a half mask: it would be another number.
    EXPECT_TRUE(fate == Fate::kUnknown || (length + 1 >= needed && fate == Fate::kLives)) << length;
  }
}

TEST(FatalSignals, AProcessMayCallItselfWhatItLikes) {
  const std::string text = "Name:\tx\\nSigPnd:\t0000000000000100 State:\tZ\n" + ThreadStatus{}.Text();
  EXPECT_EQ(FateOf(text), Fate::kLives);
}

}  // namespace
}  // namespace copper
