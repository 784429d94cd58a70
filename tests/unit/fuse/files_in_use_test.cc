// What /proc says of the use of a mount: here of the file system that a temporary directory lies on.
#include "copper/base/files_in_use.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "real_mount.h"

namespace copper::fuse {
namespace {

using testing::Contains;
using testing::Not;

class FilesInUseOfAMount : public RealMount {
 protected:
  void SetUp() override {
    RealMount::SetUp();
    for (const char* name : {"/d/open", "/d/path", "/d/mapped", "/d/unused"}) store().AddFile(name, "bytes");
    for (const char* name : {"/d/bound/a", "/d/upon/a"}) store().AddFile(name, "bytes");
  }
  uint64_t NumberOf(const std::string& path) const {
    struct stat found{};
    EXPECT_EQ(stat(In(path).c_str(), &found), 0) << path;
    return found.st_ino;
  }
};

TEST_F(FilesInUseOfAMount, OpenMappedAndWorkedIn) {
  const UniqueFd file(open(In("/d/open").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd path(open(In("/d/path").c_str(), O_PATH | O_CLOEXEC));
  UniqueFd mapped(open(In("/d/mapped").c_str(), O_RDONLY | O_CLOEXEC));
  void* const bytes = mmap(nullptr, 5, PROT_READ, MAP_SHARED, mapped.get(), 0);
  mapped.Reset();
  const pid_t child = fork();
  if (child == 0) {
    static_cast<void>(!chdir(In("/d").c_str()));
    while (true) pause();
  }
  ProcFilesInUse in_use(point_);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  auto seen = in_use.Look();
  while (seen && !seen->numbers.contains(NumberOf("/d")) && std::chrono::steady_clock::now() < end)
    seen = in_use.Look();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  munmap(bytes, 5);
  ASSERT_TRUE(seen);
  for (const char* name : {"/d/open", "/d/path", "/d/mapped", "/d"})
    EXPECT_THAT(seen->numbers, Contains(NumberOf(name))) << name;
  for (const char* name : {"/d/unused", "/d/bound", "/d/bound/a"})
    EXPECT_THAT(seen->numbers, Not(Contains(NumberOf(name)))) << name;
}

TEST_F(FilesInUseOfAMount, MountedElsewhereAndUponInANamespaceOfItsOwn) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd ready(ends[0]), is_ready(ends[1]);
  const std::string elsewhere = directory_.path() + "/elsewhere";
  ASSERT_EQ(mkdir(elsewhere.c_str(), 0700), 0);
  const pid_t child = fork();
  if (child == 0) {
    const bool done = unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount(In("/d/bound").c_str(), elsewhere.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                      ::mount("none", In("/d/upon").c_str(), "tmpfs", 0, nullptr) == 0;
    static_cast<void>(!write(is_ready.get(), done ? "y" : "n", 1));
    while (true) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready.get(), &answer, 1), 1);
  const auto seen = ProcFilesInUse(point_).Look();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (answer != 'y') GTEST_SKIP() << "may not mount";
  ASSERT_TRUE(seen);
  EXPECT_THAT(seen->paths, Contains("/d/bound"));
  EXPECT_THAT(seen->paths, Contains("/d/upon"));
  EXPECT_THAT(seen->paths, Not(Contains("/d")));
}

TEST_F(FilesInUseOfAMount, OfAProcessWithARootOfItsOwnInANamespaceOfItsOwn) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd ready(ends[0]), is_ready(ends[1]);
  const std::string root = directory_.path() + "/root";
  ASSERT_TRUE(std::filesystem::create_directories(root + "/inside"));
  const pid_t child = fork();
  if (child == 0) {
    const bool done = unshare(CLONE_NEWNS) == 0 && ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount(point_.c_str(), (root + "/inside").c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                      umount2(point_.c_str(), MNT_DETACH) == 0 && chroot(root.c_str()) == 0 && chdir("/inside/d") == 0;
    static_cast<void>(!write(is_ready.get(), done ? "y" : "n", 1));
    while (true) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready.get(), &answer, 1), 1);
  const auto seen = ProcFilesInUse(point_).Look();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (answer != 'y') GTEST_SKIP() << "may not mount";
  ASSERT_TRUE(seen);
  EXPECT_THAT(seen->numbers, Contains(NumberOf("/d")));
}

TEST_F(FilesInUseOfAMount, OfAProcessWhoseMainThreadHasEnded) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  UniqueFd ready(ends[0]), is_ready(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    static_cast<void>(!chdir(In("/d").c_str()));
    std::thread([&is_ready] {
      char target[8];
      while (readlink("/proc/self/cwd", target, sizeof target) > 0) usleep(1000);
      static_cast<void>(!write(is_ready.get(), "y", 1));
      while (true) pause();
    }).detach();
    syscall(SYS_exit, 0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready.get(), &answer, 1), 1);
  const auto seen = ProcFilesInUse(point_).Look();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(seen);
  EXPECT_THAT(seen->numbers, Contains(NumberOf("/d")));
}

// What is in use may pass from one to another while it is looked for: here between a process's files and its maps.
class FilesInUsePassedOn : public FilesInUseOfAMount {
 protected:
  void SetUp() override {
    FilesInUseOfAMount::SetUp();
    std::filesystem::create_directories(proc_ + "/self");
    AddProcess("100", "/d/unused");
    std::filesystem::copy_file(proc_ + "/100/mountinfo", proc_ + "/self/mountinfo");
  }
  void AddProcess(const std::string& process, const std::string& cwd) const {
    std::filesystem::create_directories(proc_ + "/" + process + "/fd");
    std::filesystem::create_symlink("/", proc_ + "/" + process + "/root");
    std::filesystem::create_symlink(In(cwd), proc_ + "/" + process + "/cwd");
    std::ofstream(proc_ + "/" + process + "/mountinfo") << std::ifstream("/proc/self/mountinfo").rdbuf();
  }
  // `meanwhile` while its maps are read.
  std::optional<FilesInUse::Seen> Look(const std::function<void()>& meanwhile) const {
    const auto read = [this, &meanwhile](const std::string& path) {
      if (path == proc_ + "/100/maps") meanwhile();
      return std::string();
    };
    return ProcFilesInUse(point_, proc_, read).Look();
  }
  const std::string proc_ = directory_.path() + "/proc";
};

TEST_F(FilesInUsePassedOn, ToAProcessThatWasBorn) {
  const auto seen = Look([&] {
    AddProcess("200", "/d/bound");
    std::filesystem::remove(proc_ + "/100/cwd");
  });
  ASSERT_TRUE(seen);
  EXPECT_THAT(seen->numbers, Contains(NumberOf("/d/bound")));
}

TEST_F(FilesInUsePassedOn, FromADescriptorToTheWorkingDirectory) {
  const auto seen = Look([&] {
    std::filesystem::remove(proc_ + "/100/cwd");
    std::filesystem::create_symlink(In("/d/bound"), proc_ + "/100/cwd");
  });
  ASSERT_TRUE(seen);
  EXPECT_THAT(seen->numbers, Contains(NumberOf("/d/bound")));
}

TEST_F(FilesInUseOfAMount, IsNotKnownWithoutTheMountOrProc) {
  EXPECT_FALSE(ProcFilesInUse(point_ + "/d").Look());
  EXPECT_FALSE(ProcFilesInUse(point_, directory_.path()).Look());
}

}  // namespace
}  // namespace copper::fuse
