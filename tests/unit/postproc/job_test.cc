#include "job.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copper/base/files.h"
#include "copper/base/ids.h"
#include "fakes/temporary_directory.h"

namespace copper::postproc {
namespace {

class HasDiedTest : public testing::Test {
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

TEST_F(HasDiedTest, WhereEveryProcessWasHereAndIsGone) {
  Ready(ShortHost(), {DeadPid(), DeadPid()}, Namespace("pid"));
  EXPECT_TRUE(HasDied(job_));
}

TEST_F(HasDiedTest, NotWhileOneIsLeft) {
  Ready(ShortHost(), {DeadPid(), getpid()}, Namespace("pid"));
  EXPECT_FALSE(HasDied(job_));
}

TEST_F(HasDiedTest, NothingIsKnownOfOtherHostsAndOtherNumbers) {
  Ready("another-host", {DeadPid()}, Namespace("pid"));
  EXPECT_FALSE(HasDied(job_));
  Ready(ShortHost(), {DeadPid()}, "pid:[1]");
  EXPECT_FALSE(HasDied(job_));
}

TEST_F(HasDiedTest, AJobThatHasEndedInOrderHasNotDied) {
  EXPECT_FALSE(HasDied(job_));
}

}  // namespace
}  // namespace copper::postproc
