#include <sys/stat.h>

#include <string>

#include "copper/names/attributes.h"
#include "gmock/gmock.h"
#include "served.h"

namespace copper::fuse {
namespace {

using ServedNames = Served;

constexpr uint64_t kTenYears = 315360000;

TEST_F(ServedNames, AsksTheKernelForWhatSavesRequests) {
  Start();
  EXPECT_EQ(init_.flags & FUSE_AUTO_INVAL_DATA, 0U);
  EXPECT_EQ(init_.flags & FUSE_READDIRPLUS_AUTO, 0U);
  EXPECT_NE(init_.flags & FUSE_DO_READDIRPLUS, 0U);
  EXPECT_NE(init_.flags & FUSE_CACHE_SYMLINKS, 0U);
  EXPECT_NE(init_.flags & FUSE_PARALLEL_DIROPS, 0U);
  EXPECT_NE(init_.flags & FUSE_EXPLICIT_INVAL_DATA, 0U);
  EXPECT_EQ(init_.max_pages, 256);
  // ENOSYS once, and the kernel opens by itself.
  EXPECT_EQ(kernel_.Call(FUSE_OPEN, 1, std::string(sizeof(fuse_open_in), '\0')).error, ENOSYS);
  EXPECT_EQ(kernel_.Call(FUSE_OPENDIR, 1, std::string(sizeof(fuse_open_in), '\0')).error, ENOSYS);
  EXPECT_EQ(kernel_.Call(FUSE_GETXATTR, 1, std::string(sizeof(fuse_getxattr_in), '\0') + "security.capability\0").error,
            ENOSYS);
}

TEST_F(ServedNames, LookupGivesAttributesForTheWholeJob) {
  Start();
  store().AddFile("/lib/a.py", "import b\n", 0640);
  const auto found = kernel_.Walk("lib/a.py");
  ASSERT_EQ(found.error, 0);
  const Attributes source = store().Peek("/lib/a.py");
  EXPECT_EQ(found.out.attr.size, source.size);
  EXPECT_EQ(found.out.attr.mode, source.mode);
  EXPECT_EQ(found.out.attr.mtime, static_cast<uint64_t>(source.mtime.seconds));
  EXPECT_EQ(found.out.attr.mtimensec, source.mtime.nanoseconds);
  EXPECT_EQ(found.out.entry_valid, kTenYears);
  EXPECT_EQ(found.out.attr_valid, kTenYears);

  fuse_attr_out attr{};
  ASSERT_EQ(kernel_.Getattr(found.out.nodeid, attr).error, 0);
  EXPECT_EQ(attr.attr.ino, found.out.attr.ino);
  EXPECT_EQ(attr.attr.size, source.size);
}

TEST_F(ServedNames, TheRootIsTheTarget) {
  Start();
  fuse_attr_out attr{};
  ASSERT_EQ(kernel_.Getattr(1, attr).error, 0);
  EXPECT_TRUE(S_ISDIR(attr.attr.mode));
}

TEST_F(ServedNames, AnAbsentNameStaysAbsentForItsTime) {
  Start();
  store().AddFile("/lib/a.py", "a");
  const uint64_t lib = kernel_.Lookup(1, "lib").out.nodeid;
  const auto absent = kernel_.Lookup(lib, "b.py");
  EXPECT_EQ(absent.error, 0);  // an error would not be remembered
  EXPECT_EQ(absent.out.nodeid, 0U);
  EXPECT_LE(absent.out.entry_valid, 2U);
  EXPECT_GT(absent.out.entry_valid * 1'000'000'000 + absent.out.entry_valid_nsec, 0U);
}

TEST_F(ServedNames, AbsentForTheJobWhereTheTtlSaysSo) {
  fetch::Fetcher::Options options;
  options.absent_ttl = Duration::max();
  Start(options);
  store().AddFile("/lib/a.py", "a");
  const auto absent = kernel_.Lookup(kernel_.Lookup(1, "lib").out.nodeid, "b.py");
  EXPECT_EQ(absent.out.nodeid, 0U);
  EXPECT_EQ(absent.out.entry_valid, kTenYears);
}

TEST_F(ServedNames, ErrorsOfTheSourceStayThemselves) {
  Start();
  store().AddDirectory("/locked", 0000);
  store().FailNext(Kind::kList, "/locked", 8, EACCES);
  store().FailNext(Kind::kLook, "/locked/x", 8, EACCES);
  const uint64_t locked = kernel_.Lookup(1, "locked").out.nodeid;
  ASSERT_NE(locked, 0U);
  EXPECT_EQ(kernel_.Lookup(locked, "x").error, EACCES);
  EXPECT_EQ(kernel_.Lookup(1, std::string(256, 'x')).error, ENAMETOOLONG);
  EXPECT_EQ(kernel_.Lookup(1, std::string(255, 'x')).error, 0);
}

TEST_F(ServedNames, HardLinksShareOneNumberAndNothingElseDoes) {
  Start();
  store().AddFile("/a", "same");
  store().AddHardLink("/a", "/b");
  store().AddFile("/c", "same");
  const auto a = kernel_.Lookup(1, "a"), b = kernel_.Lookup(1, "b"), c = kernel_.Lookup(1, "c");
  EXPECT_NE(a.out.nodeid, b.out.nodeid);
  EXPECT_EQ(a.out.attr.ino, b.out.attr.ino);
  EXPECT_NE(a.out.attr.ino, c.out.attr.ino);
  EXPECT_EQ(a.out.attr.nlink, 2U);
}

TEST_F(ServedNames, SymlinksStayAsTheyAre) {
  Start();
  store().AddSymlink("/link", "/usr/lib/python3");
  const auto link = kernel_.Lookup(1, "link");
  EXPECT_TRUE(S_ISLNK(link.out.attr.mode));
  EXPECT_EQ(kernel_.Call(FUSE_READLINK, link.out.nodeid).body, "/usr/lib/python3");
  EXPECT_EQ(kernel_.Call(FUSE_READLINK, 1).error, EINVAL);
}

TEST_F(ServedNames, ANodeThatTheKernelForgotIsUnknown) {
  Start();
  store().AddFile("/a", "a");
  const uint64_t first = kernel_.Lookup(1, "a").out.nodeid;
  EXPECT_EQ(kernel_.Lookup(1, "a").out.nodeid, first);
  fuse_attr_out attr{};
  kernel_.Forget(first, 1);
  EXPECT_EQ(kernel_.Getattr(first, attr).error, 0);  // one lookup is left
  kernel_.Forget(first, 1);
  // Two threads serve: the getattr may overtake the forget that was sent before it, but not for ever.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int error = 0;
  while ((error = kernel_.Getattr(first, attr).error) == 0 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(error, ESTALE);
  EXPECT_EQ(kernel_.Lookup(first, "x").error, ESTALE);
  EXPECT_EQ(kernel_.Read(first, 0, 10).error, ESTALE);
  const auto again = kernel_.Lookup(1, "a");
  EXPECT_NE(again.out.nodeid, first);
}

TEST_F(ServedNames, UnknownNodesAreStale) {
  Start();
  fuse_attr_out attr{};
  EXPECT_EQ(kernel_.Getattr(4711, attr).error, ESTALE);
  EXPECT_EQ(kernel_.Lookup(4711, "x").error, ESTALE);
  EXPECT_EQ(kernel_.Readdirplus(4711, 0).error, ESTALE);
  EXPECT_EQ(kernel_.Call(FUSE_READLINK, 4711).error, ESTALE);
}

TEST_F(ServedNames, EveryRequestIsCountedOnce) {
  Start();
  store().AddFile("/a", "a");
  kernel_.Lookup(1, "a");
  kernel_.Lookup(1, "nowhere");
  fuse_attr_out attr{};
  kernel_.Getattr(1, attr);
  kernel_.Getattr(4711, attr);
  EXPECT_EQ(counters_.Get(profile::Operation::kLookup), 2U);
  EXPECT_EQ(counters_.Get(profile::Operation::kGetattr), 2U);
  EXPECT_EQ(counters_.requests(), 4U);
}

TEST_F(ServedNames, StatfsIsTheSources) {
  Start();
  const auto answer = kernel_.Call(FUSE_STATFS, 1);
  ASSERT_EQ(answer.error, 0);
  ASSERT_EQ(answer.body.size(), sizeof(fuse_statfs_out));
  fuse_statfs_out out{};
  std::memcpy(&out, answer.body.data(), sizeof out);
  const StatFs source = *store().Statfs("/");
  EXPECT_EQ(out.st.blocks, source.blocks);
  EXPECT_EQ(out.st.bfree, source.blocks_free);
  EXPECT_EQ(out.st.bsize, source.block_size);
}

TEST_F(ServedNames, StatfsAsksForTheFileSystemOfThePath) {
  Start();
  store().AddFile("/mnt/disk/file", "a");
  EXPECT_EQ(kernel_.Call(FUSE_STATFS, kernel_.Walk("mnt/disk/file").out.nodeid).error, 0);
  EXPECT_EQ(kernel_.Call(FUSE_STATFS, 1).error, 0);
  EXPECT_EQ(store().statfs_paths(), (std::vector<std::string>{"/mnt/disk/file", "/"}));
  EXPECT_EQ(kernel_.Call(FUSE_STATFS, 4711).error, ESTALE);
}

}  // namespace
}  // namespace copper::fuse
