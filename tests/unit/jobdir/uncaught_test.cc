#include "copper/jobdir/uncaught.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <stdexcept>
#include <thread>

#include "copper/jobdir/last_reason.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

const Uncaught* uncaught = nullptr;  // a terminate handler is given nothing

class UncaughtTest : public testing::Test {
 protected:
  UncaughtTest() { std::filesystem::create_directories(JobDirectory(place_.path()).logs()); }
  // In a process of its own.
  void RunAndThrow(bool ours, const std::function<void()>& throws) {
    JobRecord record(JobDirectory(place_.path()), "host", 3);
    if (ours) record.SetOurs("job");
    const Uncaught how(record);
    uncaught = &how;
    std::set_terminate([] { uncaught->End(); });
    std::thread(throws).join();
  }
  std::vector<std::string> reasons() const { return ReadReasons(JobDirectory(place_.path())); }

  fakes::TemporaryDirectory place_;
};

TEST_F(UncaughtTest, ALackOfMemoryThatNobodyCatchesIsSaidAndEndsTheProcess) {
  EXPECT_EXIT(RunAndThrow(true, [] { throw std::bad_alloc(); }), testing::KilledBySignal(SIGABRT),
              "rank 3 on host, process [0-9]+: no memory is left");
  ASSERT_EQ(reasons().size(), 1U);
  EXPECT_NE(reasons()[0].find("no memory is left"), std::string::npos) << reasons()[0];
}

TEST_F(UncaughtTest, SoIsAMistake) {
  EXPECT_EXIT(RunAndThrow(true, [] { throw std::logic_error("an impossible thing"); }),
              testing::KilledBySignal(SIGABRT), "an impossible thing");
  ASSERT_EQ(reasons().size(), 1U);
  EXPECT_NE(reasons()[0].find("an impossible thing"), std::string::npos) << reasons()[0];
}

TEST_F(UncaughtTest, NothingIsWrittenIntoADirectoryThatIsNotOurs) {
  EXPECT_EXIT(RunAndThrow(false, [] { throw std::bad_alloc(); }), testing::KilledBySignal(SIGABRT),
              "no memory is left");
  EXPECT_TRUE(reasons().empty());
}

// From its own parent the child has the handler, but not the place.
TEST_F(UncaughtTest, AProcessThatWasForkedWritesNothingInTheNameOfAnother) {
  EXPECT_EXIT(RunAndThrow(true,
                          [] {
                            const pid_t child = fork();
                            if (child == 0) throw std::bad_alloc();
                            int status = 0;
                            while (waitpid(child, &status, 0) != child) {
                            }
                            _exit(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
                          }),
              testing::ExitedWithCode(SIGABRT), "no memory is left");
  EXPECT_TRUE(reasons().empty());
}

}  // namespace
}  // namespace copper
