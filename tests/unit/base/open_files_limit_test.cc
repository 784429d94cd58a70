#include "copper/base/open_files_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace copper {
namespace {

TEST(OpenFilesLimit, IsRaisedToTheHardOne) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit low{.rlim_cur = 100, .rlim_max = 200};
    _exit(setrlimit(RLIMIT_NOFILE, &low) == 0 && OpenFilesLimit() == 100 && RaiseOpenFilesLimit() == 200 &&
                  OpenFilesLimit() == 200
              ? 0
              : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace copper
