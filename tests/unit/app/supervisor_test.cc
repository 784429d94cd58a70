#include "app/supervisor.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "app/main_loop.h"
#include "copper/base/process_stat.h"
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
    options_.on_death = [this](pid_t, int signal, bool) {
      std::ofstream(directory_.path() + "/death") << signal << std::flush;
      if (hangs_in_mourning_) pause();
    };
    const Result<Supervisor> supervisor = Supervisor::Fork(options_);
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
  void SetUp() override {
    ASSERT_EQ(pipe(ends_), 0);
    ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // what a process leaves behind comes to this one
  }
  void TearDown() override {
    close(ends_[0]);
    close(ends_[1]);
    while (const pid_t left = ChildOf(getpid())) {
      kill(left, SIGKILL);
      EXPECT_EQ(waitpid(left, nullptr, 0), left);
    }
    EXPECT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
  }
  // Says 'x' when it is ready, then which signal came.
  int SayNextSignal() const {
    const sigset_t signals = TakenSignals();
    Say('x');
    Say(sigwaitinfo(&signals, nullptr));
    return 0;
  }

  // The first one; 0: none.
  static pid_t ChildOf(pid_t process) {
    const std::string name = std::to_string(process);
    pid_t child = 0;
    std::ifstream("/proc/" + name + "/task/" + name + "/children") >> child;
    return child;
  }

  // Waits until the daemon below it is stopped.
  static bool IsFrozenBelow(pid_t supervisor) {
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
         std::chrono::steady_clock::now() < end; std::this_thread::yield()) {
      const Result<ProcessStat> stat = ReadProcessStat(ChildOf(supervisor));
      if (stat && stat->state == 'T') return true;
    }
    return false;
  }

  TemporaryDirectory directory_;
  Supervisor::Options options_;
  bool hangs_in_mourning_ = false;
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
  options_.has_launcher = true;
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

TEST_F(SupervisorTest, KillsADaemonThatLeavesAndDoesNotEnd) {
  const int status = Wait(Launch([](const Supervisor& supervisor) {
    supervisor.TellServing();
    supervisor.TellLeaving(3, std::chrono::milliseconds(10));
    while (true) pause();
    return 0;
  }));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3) << "what it said";
  EXPECT_EQ(Death(), "") << "its work was done";
}

TEST_F(SupervisorTest, AStatusOtherThanTheOneThatWasSaidIsShown) {
  const int status = Wait(Launch([](const Supervisor& supervisor) {
    supervisor.TellLeaving(0, std::chrono::minutes(1));
    return 23;  // a sanitizer's
  }));
  EXPECT_EQ(WEXITSTATUS(status), 23);
}

TEST_F(SupervisorTest, KillsADaemonThatWasToldToEndAndDoesNot) {
  options_.ends_within = std::chrono::milliseconds(10);
  const pid_t supervisor = Launch([this](const Supervisor& daemon) {
    daemon.TellServing();
    Say('x');
    while (true) pause();
    return 0;
  });
  ASSERT_EQ(Hear(), 'x');
  kill(supervisor, SIGTERM);
  EXPECT_EQ(WEXITSTATUS(Wait(supervisor)), 128 + SIGKILL);
  EXPECT_EQ(Death(), "9");
}

TEST_F(SupervisorTest, WakesAFrozenDaemonToTellItToEnd) {
  const pid_t supervisor = Launch([this](const Supervisor&) {
    Say('x');
    raise(SIGSTOP);
    return SayNextSignal();
  });
  ASSERT_EQ(Hear(), 'x');
  ASSERT_TRUE(IsFrozenBelow(supervisor)) << "a signal that comes before it stops would find nobody to wake";
  kill(supervisor, SIGTERM);
  EXPECT_EQ(Hear(), 'x');
  EXPECT_EQ(Hear(), SIGTERM);
  EXPECT_EQ(Wait(supervisor), 0);
}

TEST_F(SupervisorTest, EndsThoughTheReasonCanNotBeWritten) {
  options_.dies_within = std::chrono::milliseconds(10);
  hangs_in_mourning_ = true;
  EXPECT_EQ(WEXITSTATUS(Wait(Launch([](const Supervisor& supervisor) {
              supervisor.TellServing();
              return raise(SIGKILL);
            }))),
            128 + SIGKILL);
}

}  // namespace
}  // namespace copper::app
