#include "copper/base/process_stat.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace copper {
namespace {

constexpr std::string_view kFields =
    "S 17 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456789 1000 200 18446744073709551615 1\n";

TEST(ProcessStat, AnyName) {
  for (const std::string name : {"cat", "a) R 1 (b", "", " ", "new\nline", ") "}) {
    const auto stat = ParseProcessStat("42 (" + name + ") " + std::string(kFields));
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->parent, 17);
    EXPECT_EQ(stat->threads, 9);
    EXPECT_EQ(stat->started, 123456789U);
  }
}

TEST(ProcessStat, WhatIsCutOffIsNone) {
  const std::string whole = "42 (cat) " + std::string(kFields);
  for (size_t length = 0; length < whole.find(" 123456789") + 2; ++length) {
    EXPECT_FALSE(ParseProcessStat(whole.substr(0, length))) << length;
  }
  EXPECT_TRUE(ParseProcessStat(whole.substr(0, whole.find(" 1000 200"))));
  EXPECT_FALSE(ParseProcessStat("42 (cat) S x 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 123456789 1000"));
}

TEST(ProcessStat, OfThisProcess) {
  const auto stat = ReadProcessStat(getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->parent, getppid());
  EXPECT_GE(stat->threads, 1);
  EXPECT_FALSE(stat->IsCorpse());
}

TEST(ProcessStat, ACorpseAndNobody) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  const auto stat = ReadProcessStat(child);
  ASSERT_TRUE(stat);
  EXPECT_TRUE(stat->IsCorpse());
  EXPECT_EQ(stat->parent, getpid());
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(ReadProcessStat(child));
}

TEST(ProcessStat, OneWhoseMainThreadHasEndedIsNoCorpse) {
  EXPECT_FALSE((ProcessStat{.state = 'Z', .threads = 2}.IsCorpse()));
  EXPECT_TRUE((ProcessStat{.state = 'Z', .threads = 1}.IsCorpse()));
}

}  // namespace
}  // namespace copper
