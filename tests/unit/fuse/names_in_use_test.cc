// A name that somebody uses is never dropped from the kernel: a working directory, a program that runs, an open file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "real_mount.h"

namespace copper::fuse {
namespace {

// As Linux 5.14, 6.2, and what there is here: FUSE_EXPIRE_ONLY since 7.38, FUSE_NOTIFY_PRUNE since 7.45.
class NamesInUse : public RealMount, public testing::WithParamInterface<uint32_t> {
 protected:
  void SetUp() override { StartWith({}); }
  void StartWith(Server::Options options) {
    options.most_protocol_minor = GetParam();
    Start(std::move(options));
  }

  static bool Expires() { return GetParam() >= 38; }
  UniqueFd Open(const std::string& path, int flags = O_RDONLY) const {
    return UniqueFd(open(In(path).c_str(), flags | O_CLOEXEC));
  }
  // As the kernel has it: "... (deleted)" where getcwd(2) fails.
  static std::string NameOf(const std::string& link) {
    std::string name(4096, '\0');
    const ssize_t length = readlink(link.c_str(), name.data(), name.size());
    name.resize(length < 0 ? 0 : static_cast<size_t>(length));
    return name;
  }
  static std::string NameOf(const UniqueFd& file) { return NameOf("/proc/self/fd/" + std::to_string(file.get())); }

  // When the kernel has been told what there was to tell.
  void Settle() { Refresh("/no/such/path"); }
  void Refresh(const std::string& path) {
    fetch::Fetcher& fetcher = job_->node(0).fetcher();
    fetcher.BeginRefresh({0, ++refreshes_}, path, kNever);
    const auto told = fakes::Await<bool>([&](auto done) {
      fetcher.EndRefresh({0, refreshes_}, path, [done = std::move(done)](bool whole) mutable { done(whole); });
    });
    ASSERT_TRUE(told) << "the kernel was told";
  }

  uint64_t refreshes_ = 0;
};

// A lookup holds a lock of the kernel's on its directory, for which whoever says that a name there is no longer true
// waits.
TEST_P(NamesInUse, WhatHangsInOneDirectoryMakesNoRefreshOfAnotherLate) {
  for (const char* name : {"/hanging/a", "/hanging/b", "/other/file"}) store().AddFile(name, "old");
  store().SetAnswersAbsence("/hanging", false);
  for (const char* name : {"/hanging/a", "/hanging/b", "/other/file"}) ASSERT_EQ(ReadFile(In(name)), "old");
  store().Block(fakes::MemoryStore::Kind::kLook, "/hanging/absent");
  std::thread waiting([&] { EXPECT_NE(access(In("/hanging/absent").c_str(), F_OK), 0); });
  EXPECT_TRUE(store().WaitUntilBlocked(fakes::MemoryStore::Kind::kLook, "/hanging/absent", 1));
  for (const char* name : {"/hanging/a", "/hanging/b", "/other/file"}) store().AddFile(name, "new");

  fetch::Fetcher& fetcher = job_->node(0).fetcher();
  std::promise<bool> all_told;
  std::future<bool> is_all_told = all_told.get_future();
  fetcher.BeginRefresh({1, 1}, "/", kNever);
  fetcher.EndRefresh({1, 1}, "/", [&](bool whole) { all_told.set_value(whole); });
  Refresh("/other");
  EXPECT_EQ(ReadFile(In("/other/file")), "new");
  ASSERT_EQ(is_all_told.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_FALSE(is_all_told.get()) << "but for what hangs, which it does still";

  store().Release(fakes::MemoryStore::Kind::kLook, "/hanging/absent");
  waiting.join();
  const auto is_seen = [&] { return ReadFile(In("/hanging/a")) == "new" && ReadFile(In("/hanging/b")) == "new"; };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_seen() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(is_seen()) << "what was held up is told then";
}

TEST_P(NamesInUse, ANewDirectoryAfterItsListingWasRenewed) {
  store().AddFile("/d/old", "a");
  ASSERT_NE(access(In("/d/new").c_str(), F_OK), 0);
  for (int i = 0; i < 16; ++i) {
    const std::string name = "/d/made" + std::to_string(i);
    store().AddFile(name + "/file", "b");
    job_->clock().Advance(std::chrono::seconds(10));
    const UniqueFd made = Open(name, O_DIRECTORY);
    ASSERT_TRUE(made) << name;
    Settle();
    EXPECT_EQ(NameOf(made), In(name));
    EXPECT_EQ(ReadFile(In(name + "/file")), "b");
  }
}

TEST_P(NamesInUse, ANewNameIsSeenWhereTheKernelHasItAsAbsent) {
  store().AddFile("/d/old", "a");
  ASSERT_NE(access(In("/d/new").c_str(), F_OK), 0) << "and it is to stay so for 2 s of the kernel's own time";
  store().AddFile("/d/new", "b");
  job_->clock().Advance(std::chrono::seconds(10));
  ASSERT_NE(access(In("/d/another").c_str(), F_OK), 0) << "renews the listing";
  Settle();
  if (Expires()) {
    EXPECT_EQ(ReadFile(In("/d/new")), "b") << "at once";
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (access(In("/d/new").c_str(), F_OK) != 0 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  EXPECT_EQ(ReadFile(In("/d/new")), "b");
}

// So many nodes that most have to go: those that somebody uses stay what they are.

class NamesInUseBeyondTheBudget : public NamesInUse {
 protected:
  static constexpr size_t kBudget = 500'000;  // some 700 nodes
  static constexpr int kOthers = 3000;

  void SetUp() override {
    Server::Options options;
    options.node_budget_bytes = kBudget;
    options.in_use = std::make_shared<ProcFilesInUse>(point_);
    StartWith(std::move(options));
  }
  void LookAtOthers() {
    for (int i = 0; i < kOthers; ++i) {
      struct stat found{};
      ASSERT_EQ(lstat(In("/many/f" + std::to_string(i)).c_str(), &found), 0);
      ASSERT_EQ(lstat(In("/dirs/d" + std::to_string(i)).c_str(), &found), 0);
    }
  }
  // What is in use is beyond the budget, and so is what came last, until more comes.
  bool BecomesBounded() const {
    constexpr size_t kBound = kBudget * 5 / 4;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (server_->node_usage().bytes > kBound && std::chrono::steady_clock::now() < end) usleep(1000);
    return server_->node_usage().bytes <= kBound;
  }
};

// A copy of a program, so that it is run from the mount.
std::string ContentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// `path` as a process that waits for its input.
class Running {
 public:
  Running(const std::string& path, const std::string& directory) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    input_.Reset(ends[1]);
    const UniqueFd theirs(ends[0]);
    int started[2];
    if (pipe2(started, O_CLOEXEC) != 0) return;
    UniqueFd has_started(started[0]), starting(started[1]);
    pid_ = fork();
    if (pid_ == 0) {
      if (chdir(directory.c_str()) == 0 && dup2(theirs.get(), STDIN_FILENO) >= 0)
        execl(path.c_str(), path.c_str(), nullptr);
      _exit(127);
    }
    starting.Reset();
    char byte = 0;
    static_cast<void>(!read(has_started.get(), &byte, 1));  // ends with the exec
  }
  ~Running() { Wait(); }
  std::string link(const char* what) const { return "/proc/" + std::to_string(pid_) + "/" + what; }
  // Its status, when its input has ended.
  int Wait() {
    input_.Reset();
    if (pid_ > 0) waitpid(std::exchange(pid_, 0), &status_, 0);
    return status_;
  }

 private:
  UniqueFd input_;
  pid_t pid_ = 0;
  int status_ = -1;
};

// A file that is mapped, and open no more.
class Mapped {
 public:
  explicit Mapped(const UniqueFd& file) : bytes_(mmap(nullptr, 5, PROT_READ, MAP_PRIVATE, file.get(), 0)) {}
  ~Mapped() { munmap(bytes_, 5); }
  Mapped(const Mapped&) = delete;
  // As the kernel has it; empty: it is not there.
  std::string name() const {
    std::stringstream address;
    address << std::hex << reinterpret_cast<uintptr_t>(bytes_) << '-';
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.starts_with(address.str())) return line.substr(std::min(line.find('/'), line.size()));
    }
    return "";
  }

 private:
  void* const bytes_;
};

TEST_P(NamesInUse, SurviveARefreshOfWhatHasNotChanged) {
  store().AddFile("/bin/cat", ContentOf("/bin/cat"), 0755);
  store().AddFile("/work/here/file", "bytes");
  store().AddSymlink("/work/link", "here/file");
  Running program(In("/bin/cat"), In("/work/here"));
  const UniqueFd file = Open("/work/here/file"), directory = Open("/work", O_DIRECTORY);
  struct stat before{}, after{};
  ASSERT_EQ(stat(In("/work/link").c_str(), &before), 0);
  EXPECT_EQ(ReadFile(In("/work/here/file")), "bytes");
  for (const char* path : {"/bin/cat", "/bin", "/work/here", "/"}) {
    const uint64_t reads = Count(profile::Operation::kRead);
    Refresh(path);
    EXPECT_EQ(NameOf(program.link("exe")), In("/bin/cat")) << path;
    EXPECT_EQ(NameOf(program.link("cwd")), In("/work/here")) << path;
    EXPECT_EQ(NameOf(file), In("/work/here/file")) << path;
    EXPECT_EQ(NameOf(directory), In("/work")) << path;
    ASSERT_EQ(stat(In("/work/link").c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    EXPECT_EQ(ReadFile(In("/bin/cat")), ContentOf("/bin/cat"));
    EXPECT_EQ(ReadFile(In("/work/here/file")), "bytes");
    EXPECT_EQ(fstatat(directory.get(), "here/../here/.", &after, 0), 0) << path;
    // And after somebody has looked.
    EXPECT_EQ(NameOf(program.link("exe")), In("/bin/cat")) << path;
    EXPECT_EQ(NameOf(program.link("cwd")), In("/work/here")) << path;
    EXPECT_EQ(NameOf(file), In("/work/here/file")) << path;
    EXPECT_EQ(Count(profile::Operation::kRead), reads) << "its pages are still the kernel's";
  }
  EXPECT_EQ(program.Wait(), 0);
}

TEST_P(NamesInUseBeyondTheBudget, Stay) {
  store().AddFile("/bin/cat", ContentOf("/bin/cat"), 0755);
  for (const char* name : {"/work/here/unread", "/work/here/read", "/work/here/mapped"}) store().AddFile(name, "bytes");
  for (int i = 0; i < kOthers; ++i) {
    store().AddFile("/many/f" + std::to_string(i), "x");
    store().AddDirectory("/dirs/d" + std::to_string(i));
  }
  LookAtOthers();  // so that there are more than half as many as there may be
  Running program(In("/bin/cat"), In("/work/here"));
  const UniqueFd unread = Open("/work/here/unread"), read = Open("/work/here/read");
  char byte = 0;
  ASSERT_EQ(pread(read.get(), &byte, 1, 0), 1);
  const UniqueFd directory = Open("/dirs/d7", O_DIRECTORY), path_only = Open("/many/f7", O_PATH);
  const Mapped mapped(Open("/work/here/mapped"));
  ASSERT_NE(mapped.name(), "");
  for (int round = 0; round < 3; ++round) {
    LookAtOthers();
    EXPECT_EQ(NameOf(program.link("exe")), In("/bin/cat"));
    EXPECT_EQ(NameOf(program.link("cwd")), In("/work/here"));
    EXPECT_EQ(NameOf(unread), In("/work/here/unread"));
    EXPECT_EQ(NameOf(read), In("/work/here/read"));
    EXPECT_EQ(NameOf(directory), In("/dirs/d7"));
    EXPECT_EQ(NameOf(path_only), In("/many/f7"));
    EXPECT_EQ(mapped.name(), In("/work/here/mapped"));
    EXPECT_EQ(ReadFile(In("/work/here/mapped")), "bytes");
    EXPECT_TRUE(BecomesBounded()) << server_->node_usage().bytes << " bytes of " << server_->node_usage().nodes;
  }
  struct stat by_name{}, opened{};
  ASSERT_EQ(stat(In("/work/here/read").c_str(), &by_name), 0);
  ASSERT_EQ(fstat(read.get(), &opened), 0);
  EXPECT_EQ(by_name.st_ino, opened.st_ino);
  EXPECT_EQ(program.Wait(), 0);
}

TEST_P(NamesInUse, WhatHasChangedIsSeenByWhoOpensItNext) {
  for (const char* name : {"rewritten", "unseen", "replaced", "removed", "becomes_directory"}) {
    store().AddFile(std::string("/d/") + name, "old");
  }
  store().AddFile("/d/becomes_file/x", "old");
  store().AddSymlink("/d/link", "rewritten");
  std::vector<UniqueFd> opened;
  for (const char* name : {"rewritten", "unseen", "replaced", "removed", "becomes_directory", "link"}) {
    EXPECT_EQ(ReadFile(In(std::string("/d/") + name)), "old");
    opened.push_back(Open(std::string("/d/") + name));
  }
  EXPECT_EQ(ReadFile(In("/d/becomes_file/x")), "old");
  EXPECT_NE(access(In("/d/appears").c_str(), F_OK), 0);
  store().Rewrite("/d/rewritten", "newer");
  store().RewriteUnseen("/d/unseen", "new");
  store().Replace("/d/replaced", "newer");
  for (const char* path : {"/d/removed", "/d/becomes_directory", "/d/becomes_file"}) store().Remove(path);
  store().AddFile("/d/becomes_directory/x", "new");
  store().AddFile("/d/becomes_file", "new");
  store().AddSymlink("/d/link", "unseen");
  store().AddFile("/d/appears", "new");
  Refresh("/d");
  EXPECT_EQ(ReadFile(In("/d/rewritten")), "newer");
  EXPECT_EQ(ReadFile(In("/d/unseen")), "new");
  EXPECT_EQ(ReadFile(In("/d/replaced")), "newer");
  EXPECT_NE(access(In("/d/removed").c_str(), F_OK), 0);
  EXPECT_EQ(ReadFile(In("/d/becomes_directory/x")), "new");
  EXPECT_EQ(ReadFile(In("/d/becomes_file")), "new");
  EXPECT_EQ(ReadFile(In("/d/link")), "new");
  EXPECT_EQ(ReadFile(In("/d/appears")), "new");
  for (const UniqueFd& file : opened) {
    char bytes[8];
    EXPECT_EQ(pread(file.get(), bytes, sizeof bytes, 0), 3) << "the pages that its reader had";
    EXPECT_EQ(std::string_view(bytes, 3), "old");
  }
}

TEST_P(NamesInUse, AnOpenDirectoryNeverBecomesAnotherOne) {
  store().AddFile("/d/old", "old");
  store().AddFile("/d/both", "old");
  for (const bool refreshed : {false, true}) {
    const UniqueFd directory = Open("/d", O_DIRECTORY);
    struct stat before{}, opened{}, now{};
    ASSERT_EQ(fstat(directory.get(), &before), 0);
    ASSERT_EQ(fstatat(directory.get(), "old", &opened, 0), 0);
    store().Remove("/d");
    for (const char* name : {"/d/new", "/d/both", "/d/old"}) store().AddFile(name, "new");
    if (refreshed) Refresh("/d");
    job_->clock().Advance(std::chrono::seconds(10));
    EXPECT_NE(access(In("/d/absent").c_str(), F_OK), 0);
    EXPECT_EQ(errno, ENOENT) << "the path is walked again";
    Settle();
    EXPECT_EQ(ReadFile(In("/d/new")), "new");
    EXPECT_NE(fstatat(directory.get(), "new", &opened, 0), 0);
    EXPECT_EQ(errno, ESTALE);
    ASSERT_EQ(fstat(directory.get(), &opened), 0);
    EXPECT_EQ(opened.st_ino, before.st_ino);
    ASSERT_EQ(stat(In("/d").c_str(), &now), 0);
    EXPECT_NE(now.st_ino, before.st_ino);
    EXPECT_EQ(now.st_ino, store().Peek("/d").inode);
    const UniqueFd again = Open("/d", O_DIRECTORY);
    Settle();
    EXPECT_EQ(NameOf(again), In("/d"));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, NamesInUse, testing::Values(34, 38, UINT32_MAX));
INSTANTIATE_TEST_SUITE_P(Kernels, NamesInUseBeyondTheBudget, testing::Values(34, 38, UINT32_MAX));

}  // namespace
}  // namespace copper::fuse
