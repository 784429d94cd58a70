#include "app/supervisor.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <utility>

#include "app/main_loop.h"
#include "fakes/temporary_directory.h"

namespace copper::app {
namespace {

using fakes::TemporaryDirectory;

// Each test has a process of its own in the place of the launcher's child: `daemon` runs below it.
class SupervisorTest : public testing::Test {
 protected:
  template <class Daemon>
  pid_t Launch(Daemon daemon) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    TakeSignals();
    const Result<Supervisor> supervisor = Supervisor::Fork(has_launcher_, [this](pid_t, int signal) {
      std::ofstream(directory_.path() + "/death") << signal << std::flush;
    });
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

  // What the daemon says byte by byte; 0 where all its ends of the pipe are closed.
  char Hear() {
    char byte = 0;
    return read(ends_[0], &byte, 1) == 1 ? byte : '\0';
  }
  void Say(int byte) const {
    const auto said = static_cast<char>(byte);
    EXPECT_EQ(write(ends_[1], &said, 1), 1);
  }
  void SetUp() override { ASSERT_EQ(pipe(ends_), 0); }
  void TearDown() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  // Says 'x' when it is ready, then which signal came.
  int SayNextSignal() const {
    const sigset_t signals = TakenSignals();
    Say('x');
    Say(sigwaitinfo(&signals, nullptr));
    return 0;
  }

  TemporaryDirectory directory_;
  bool has_launcher_ = false;
  int ends_[2] = {-1, -1};
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
    const pid_t supervisor = Launch([this](const Supervisor&) { return SayNextSignal(); });
    ASSERT_EQ(Hear(), 'x');
    kill(supervisor, passed);
    EXPECT_EQ(Hear(), passed);
    EXPECT_EQ(Wait(supervisor), 0);
  }
}

TEST_F(SupervisorTest, TellsTheDaemonThatTheLauncherIsGone) {
  has_launcher_ = true;
  const pid_t launcher = fork();
  if (launcher == 0) {
    Launch([this](const Supervisor&) { return SayNextSignal(); });
    while (true) pause();
  }
  ASSERT_EQ(Hear(), 'x');
  kill(launcher, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(Wait(launcher)));
  EXPECT_EQ(Hear(), SIGTERM);
}

TEST_F(SupervisorTest, TakesTheDaemonWithItWhenItIsKilled) {
  const pid_t supervisor = Launch([this](const Supervisor&) {
    Say('x');  // the daemon is there, and has the pipe open
    while (true) pause();
    return 0;
  });
  close(std::exchange(ends_[1], -1));
  ASSERT_EQ(Hear(), 'x');
  kill(supervisor, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(Wait(supervisor)));
  EXPECT_EQ(Hear(), '\0') << "all its ends are closed: the daemon is gone";
}

}  // namespace
}  // namespace copper::app
