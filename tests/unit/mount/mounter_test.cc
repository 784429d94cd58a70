// Real mounts, in the tests' own directories. They need /dev/fuse (and, for a few, root).
#include "copper/mount/mounter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "fakes/temporary_directory.h"

namespace copper::mount {
namespace {

using fakes::TemporaryDirectory;

using testing::HasSubstr;

// The lines of the mount table for this point.
std::vector<std::string> MountsAtPoint(const std::string& point) {
  std::ifstream table("/proc/self/mountinfo");
  std::vector<std::string> found;
  for (std::string line; std::getline(table, line);) {
    if (line.find(" " + point + " ") != std::string::npos) found.push_back(line);
  }
  return found;
}

// Until the process has ended, whoever's child it is.
bool WaitForEnd(const UniqueFd& process, int milliseconds) {
  pollfd state{.fd = process.get(), .events = POLLIN, .revents = 0};
  return poll(&state, 1, milliseconds) == 1;
}

UniqueFd OpenProcess(pid_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool Exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

class MounterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!CheckFuse()) GTEST_SKIP() << "no FUSE here: " << CheckFuse().error().Describe();
  }
  void TearDown() override {
    while (!MountsAtPoint(point_).empty() && umount2(point_.c_str(), MNT_DETACH) == 0) {
    }
  }
  static Mounter Fork() {
    auto mounter = Mounter::Fork();
    EXPECT_TRUE(mounter);
    return std::move(*mounter);
  }
  // Leaves what a killed daemon and a killed mounter leave.
  void MakeDeadMount() {
    Mounter mounter = Fork();
    auto connection = mounter.Mount({.point = point_});
    ASSERT_TRUE(connection) << connection.error().Describe();
    kill(mounter.pid(), SIGKILL);
  }

  TemporaryDirectory directory_;
  const std::string point_ = directory_.path() + "/mnt";
};

TEST_F(MounterTest, MountsAndUnmounts) {
  Mounter mounter = Fork();
  const std::string deep = directory_.path() + "/a/b/c";
  const auto connection = mounter.Mount({.point = deep});
  ASSERT_TRUE(connection) << connection.error().Describe();
  EXPECT_GE(connection->get(), 0);
  const auto mounts = MountsAtPoint(deep);
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_THAT(mounts[0], HasSubstr(" ro,nosuid,nodev,"));
  EXPECT_THAT(mounts[0], HasSubstr(" - fuse.copper copper "));
  EXPECT_THAT(mounts[0], HasSubstr("default_permissions"));
  EXPECT_THAT(mounts[0], testing::Not(HasSubstr("allow_other")));
  EXPECT_TRUE(mounter.Unmount());
  EXPECT_TRUE(MountsAtPoint(deep).empty());
  EXPECT_FALSE(Exists(directory_.path() + "/a"));
  EXPECT_TRUE(Exists(directory_.path()));
  EXPECT_TRUE(mounter.Unmount());  // gone already
}

TEST_F(MounterTest, APointThatWasThereStays) {
  ASSERT_EQ(mkdir(point_.c_str(), 0700), 0);
  {
    Mounter mounter = Fork();
    ASSERT_TRUE(mounter.Mount({.point = point_}));
    EXPECT_EQ(MountsAtPoint(point_).size(), 1U);
  }  // no Unmount: the end of the daemon does it
  EXPECT_TRUE(MountsAtPoint(point_).empty());
  EXPECT_TRUE(Exists(point_));
}

TEST_F(MounterTest, AKilledDaemonsMountIsGoneWithinASecond) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  const pid_t daemon = fork();
  if (daemon == 0) {
    auto mounter = Mounter::Fork([said = directory_.At("said")](pid_t, Mounter::Left left) {
      if (left == Mounter::Left::kNoMountAnyMore) static_cast<void>(mkdir(said.c_str(), 0700));
    });
    const auto connection = mounter->Mount({.point = point_});
    const pid_t pid = connection ? mounter->pid() : -1;
    static_cast<void>(write(to.get(), &pid, sizeof pid));
    while (true) pause();
  }
  to.Reset();
  pid_t mounter = -1;
  ASSERT_EQ(read(from.get(), &mounter, sizeof mounter), static_cast<ssize_t>(sizeof mounter));
  ASSERT_GT(mounter, 0);
  EXPECT_EQ(MountsAtPoint(point_).size(), 1U);
  const UniqueFd process = OpenProcess(mounter);
  ASSERT_TRUE(process);
  // What a user's process waits for when the daemon dies must end too.
  kill(daemon, SIGKILL);
  waitpid(daemon, nullptr, 0);
  EXPECT_TRUE(WaitForEnd(process, 1000));
  EXPECT_TRUE(MountsAtPoint(point_).empty());
  EXPECT_FALSE(Exists(point_));
  EXPECT_TRUE(Exists(directory_.At("said"))) << "it says that nothing is mounted any more";
}

TEST_F(MounterTest, SignalsToTheJobDoNotReachIt) {
  Mounter mounter = Fork();
  ASSERT_TRUE(mounter.Mount({.point = point_}));  // so it is past its start
  EXPECT_NE(getsid(mounter.pid()), getsid(0));
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) kill(mounter.pid(), signal);
  EXPECT_TRUE(mounter.Unmount());
}

TEST_F(MounterTest, KeepsNothingOfTheDaemonsOpen) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, 0), 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  Mounter mounter = Fork();
  to.Reset();
  pollfd state{.fd = from.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&state, 1, 10'000), 1);
  EXPECT_NE(state.revents & POLLHUP, 0);
}

TEST_F(MounterTest, AKilledMounterIsAnErrorNotAWait) {
  Mounter mounter = Fork();
  const UniqueFd process = OpenProcess(mounter.pid());
  kill(mounter.pid(), SIGKILL);
  ASSERT_TRUE(WaitForEnd(process, 10'000));
  EXPECT_FALSE(mounter.Mount({.point = point_}));
  EXPECT_FALSE(mounter.Unmount());
}

TEST_F(MounterTest, WithoutAMounterRootLeavesNothing) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Mounter mounter = Fork();
  const std::string deep = directory_.path() + "/a/b/c";
  ASSERT_EQ(mkdir((directory_.path() + "/a").c_str(), 0755), 0);
  ASSERT_TRUE(mounter.Mount({.point = deep}));
  const UniqueFd process = OpenProcess(mounter.pid());
  kill(mounter.pid(), SIGKILL);
  ASSERT_TRUE(WaitForEnd(process, 10'000));
  EXPECT_TRUE(mounter.Unmount());
  EXPECT_TRUE(MountsAtPoint(deep).empty());
  EXPECT_FALSE(Exists(directory_.path() + "/a/b")) << "it was made";
  EXPECT_TRUE(Exists(directory_.path() + "/a")) << "it was there";
}

TEST_F(MounterTest, ReplacesADeadMountOfOnesOwn) {
  MakeDeadMount();
  ASSERT_EQ(MountsAtPoint(point_).size(), 1U);
  EXPECT_TRUE(CheckMountPoint(point_));
  Mounter mounter = Fork();
  const auto connection = mounter.Mount({.point = point_});
  ASSERT_TRUE(connection) << connection.error().Describe();
  EXPECT_EQ(MountsAtPoint(point_).size(), 1U);
  EXPECT_TRUE(mounter.Unmount());
  EXPECT_TRUE(MountsAtPoint(point_).empty());
}

TEST_F(MounterTest, AMountOnTopOfItIsNotItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Mounter mounter = Fork();
  const auto connection = mounter.Mount({.point = point_});
  ASSERT_TRUE(connection);
  ASSERT_EQ(::mount("test", point_.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_TRUE(mounter.Unmount());
  const auto left = MountsAtPoint(point_);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_THAT(left[1], HasSubstr("tmpfs"));
}

TEST_F(MounterTest, UnmountedByHandIsSuccess) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Mounter mounter = Fork();
  ASSERT_TRUE(mounter.Mount({.point = point_}));
  ASSERT_EQ(umount2(point_.c_str(), MNT_DETACH), 0);
  EXPECT_TRUE(mounter.Unmount());
  EXPECT_FALSE(Exists(point_));
}

TEST_F(MounterTest, OneMountADaemon) {
  Mounter mounter = Fork();
  ASSERT_TRUE(mounter.Mount({.point = point_}));
  EXPECT_EQ(mounter.Mount({.point = directory_.path() + "/other"}).error().code, EBUSY);
  EXPECT_EQ(mounter.Mount({.point = std::string(5000, 'x')}).error().code, ENAMETOOLONG);
}

TEST_F(MounterTest, RefusesWhatIsNoPlaceForAMount) {
  const auto code = [](const std::string& point) {
    const Status checked = CheckMountPoint(point);
    return checked ? 0 : checked.error().code;
  };
  EXPECT_EQ(code(point_), 0);  // absent
  EXPECT_EQ(code(directory_.path() + "/a/b/c"), 0);
  EXPECT_EQ(code("relative"), EINVAL);
  EXPECT_EQ(code(directory_.path() + "/"), 0);  // empty, one's own

  std::ofstream(directory_.path() + "/file") << "x";
  EXPECT_EQ(code(directory_.path() + "/file"), ENOTDIR);
  EXPECT_EQ(code(directory_.path() + "/file/below"), ENOTDIR);
  EXPECT_EQ(code(directory_.path()), ENOTEMPTY);
  EXPECT_EQ(code("/proc"), EBUSY);
  EXPECT_FALSE(Exists(point_));

  ASSERT_EQ(symlink(directory_.path().c_str(), (directory_.path() + "/link").c_str()), 0);
  EXPECT_EQ(code(directory_.path() + "/link/new"), 0);
  ASSERT_EQ(symlink("loop", (directory_.path() + "/loop").c_str()), 0);
  EXPECT_EQ(code(directory_.path() + "/loop"), ELOOP);
}

TEST_F(MounterTest, RefusesWhatIsSomebodyElses) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_EQ(mkdir(point_.c_str(), 0755), 0);
  ASSERT_EQ(chown(point_.c_str(), 4711, 4711), 0);
  EXPECT_EQ(CheckMountPoint(point_).error().code, EPERM);
  const std::string link = directory_.path() + "/link";
  ASSERT_EQ(symlink(directory_.path().c_str(), link.c_str()), 0);
  ASSERT_EQ(lchown(link.c_str(), 4711, 4711), 0);
  const Status checked = CheckMountPoint(link + "/new");
  EXPECT_EQ(checked.error().code, EPERM);
  EXPECT_THAT(checked.error().message, HasSubstr(link));
  Mounter mounter = Fork();
  const auto mounted = mounter.Mount({.point = link + "/new"});
  EXPECT_EQ(mounted.error().code, EPERM);  // checked again where it is done
  EXPECT_THAT(mounted.error().message, HasSubstr(link));
}

}  // namespace
}  // namespace copper::mount
