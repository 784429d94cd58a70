// A name that somebody uses is never dropped from the kernel: a working directory, a program that runs, an open file.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
      fetcher.EndRefresh({0, refreshes_}, path, [done = std::move(done)]() mutable { done(true); });
    });
    ASSERT_TRUE(told) << "the kernel was told";
  }

  uint64_t refreshes_ = 0;
};

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
  if (Expires()) EXPECT_EQ(ReadFile(In("/d/new")), "b") << "at once";
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (access(In("/d/new").c_str(), F_OK) != 0 && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  EXPECT_EQ(ReadFile(In("/d/new")), "b");
}

INSTANTIATE_TEST_SUITE_P(Kernels, NamesInUse, testing::Values(34, 38, UINT32_MAX));

}  // namespace
}  // namespace copper::fuse
