#include "copper/jobdir/place.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copper/base/files.h"
#include "copper/base/ids.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

class ProcessesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(job_.Prepare()); }
  void Ready(const std::string& host, const std::vector<int>& pids, const std::string& pid_namespace) {
    Json ready = {{"hosts", Json::array()}, {"pids", pids}, {"pid_namespace", pid_namespace}};
    for (size_t i = 0; i < pids.size(); ++i) ready["hosts"].push_back(host);
    ASSERT_TRUE(WriteWholeFile(job_.ready_file(), ready.dump()));
  }
  static int DeadPid() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return child;
  }

  fakes::TemporaryDirectory directory_;
  JobDirectory job_{directory_.path()};
};

TEST_F(ProcessesTest, WhereEveryProcessWasHereAndIsGone) {
  Ready(ShortHost(), {DeadPid(), DeadPid()}, Namespace("pid"));
  EXPECT_TRUE(Processes(job_).HaveEnded());
}

TEST_F(ProcessesTest, NotWhileOneIsLeft) {
  Ready(ShortHost(), {DeadPid(), getpid()}, Namespace("pid"));
  EXPECT_FALSE(Processes(job_).HaveEnded());
}

TEST_F(ProcessesTest, NothingIsKnownOfOtherHostsAndOtherNumbers) {
  Ready("another-host", {DeadPid()}, Namespace("pid"));
  EXPECT_FALSE(Processes(job_).HaveEnded());
  Ready(ShortHost(), {DeadPid()}, "pid:[1]");
  EXPECT_FALSE(Processes(job_).HaveEnded());
}

TEST_F(ProcessesTest, NothingIsKnownWhereReadyJsonIsAnothersOrDamaged) {
  Json ready = {{"hosts", {{"a", "b"}}}, {"pids", {1}}, {"pid_namespace", Namespace("pid")}};
  ASSERT_TRUE(WriteWholeFile(job_.ready_file(), ready.dump()));
  EXPECT_FALSE(Processes(job_).HaveEnded());
}

TEST_F(ProcessesTest, NothingIsKnownOfAJobThatHasEndedInOrder) {
  EXPECT_FALSE(Processes(job_).HaveEnded());
}

TEST_F(ProcessesTest, AreRememberedWhenTheJobRemovesWhatNamesThem) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    close(ends[1]);
    _exit(static_cast<int>(read(ends[0], &byte, 1)));
  }
  Ready(ShortHost(), {DeadPid(), child}, Namespace("pid"));
  const Processes processes(job_);
  unlink(job_.ready_file().c_str());
  EXPECT_FALSE(processes.HaveEnded());
  const std::string name = "rank 1 on " + ShortHost() + ", process " + std::to_string(child);
  using Remaining = Processes::Remaining;
  EXPECT_EQ(processes.RemainingAfter(Duration(0)), (std::vector<Remaining>{{name, false}}));
  kill(child, SIGSTOP);
  waitpid(child, nullptr, WUNTRACED);
  EXPECT_EQ(processes.RemainingAfter(Duration(0)), (std::vector<Remaining>{{name, true}}));
  kill(child, SIGCONT);
  EXPECT_TRUE(processes.RemainingMounts().empty()) << "where nothing was mounted";
  close(ends[1]);
  EXPECT_TRUE(processes.RemainingAfter(std::chrono::seconds(30)).empty()) << "it has ended: nobody has asked how";
  EXPECT_TRUE(processes.HaveEnded());
  waitpid(child, nullptr, 0);
  close(ends[0]);
}

TEST_F(ProcessesTest, ThoseOfOtherHostsAreNotNamed) {
  Ready("another-host", {getpid()}, Namespace("pid"));
  EXPECT_TRUE(Processes(job_).RemainingAfter(Duration(0)).empty());
}

}  // namespace
}  // namespace copper
