#include "app/supervisor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "app/main_loop.h"
#include "temporary_directory.h"

namespace copper::app {
namespace {

// Each test has a process of its own in the place of the launcher's child: `daemon` runs below it.
class SupervisorTest : public testing::Test {
 protected:
  template <class Daemon>
  pid_t Launch(Daemon daemon) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    TakeSignals();
    const Result<Supervisor> supervisor = Supervisor::Fork(
        [this](pid_t, int signal) { std::ofstream(directory_.path() + "/death") << signal << std::flush; });
    if (!supervisor) _exit(99);
    _exit(daemon(*supervisor));
  }
  int Wait(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    return status;
  }
  std::string Death() const {
    std::ifstream file(directory_.path() + "/death");
    std::string text;
    file >> text;
    return text;
  }

  TemporaryDirectory directory_;
};

TEST_F(SupervisorTest, EndsWithTheStatusOfTheDaemon) {
  const int status = Wait(Launch([](const Supervisor&) { return 7; }));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(Death(), "");
}

TEST_F(SupervisorTest, HidesFromTheLauncherThatAServingDaemonWasKilled) {
  const int status = Wait(Launch([](const Supervisor& supervisor) {
    supervisor.TellServing();
    return raise(SIGKILL);
  }));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGKILL);
  EXPECT_EQ(Death(), "9");
}

TEST_F(SupervisorTest, ShowsTheLauncherThatADaemonWasKilledInItsStart) {
  const int status = Wait(Launch([](const Supervisor&) { return raise(SIGKILL); }));
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Death(), "9");
}

TEST_F(SupervisorTest, PassesSignalsOn) {
  for (const int passed : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    const pid_t supervisor = Launch([](const Supervisor&) {
      const sigset_t signals = TakenSignals();
      return sigwaitinfo(&signals, nullptr);
    });
    kill(supervisor, passed);
    EXPECT_EQ(WEXITSTATUS(Wait(supervisor)), passed);
  }
}

TEST_F(SupervisorTest, TakesTheDaemonWithItWhenItIsKilled) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t supervisor = Launch([&](const Supervisor&) {
    EXPECT_EQ(write(ends[1], "x", 1), 1);  // the daemon is there, and has the pipe open
    while (true) pause();
    return 0;
  });
  close(ends[1]);
  char byte = 0;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  kill(supervisor, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(Wait(supervisor)));
  EXPECT_EQ(read(ends[0], &byte, 1), 0) << "all its ends are closed: the daemon is gone";
  close(ends[0]);
}

}  // namespace
}  // namespace copper::app
