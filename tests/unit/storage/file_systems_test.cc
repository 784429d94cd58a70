#include "copper/storage/file_systems.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace copper::storage {
namespace {

using testing::ElementsAre;
using enum Sharing;

const Mount kRoot{.point = "/", .type = "ext4", .source = "/dev/sda1", .device = 1};
const Mount kProc{.point = "/proc", .type = "proc", .source = "proc", .device = 2};
const Mount kTmp{.point = "/tmp", .type = "tmpfs", .source = "tmpfs", .device = 3};
const Mount kLustre{.point = "/lus", .type = "lustre", .source = "mgs@o2ib:/lus", .device = 4};
const std::vector<Mount> kNode = {kRoot, kProc, kTmp, kLustre};

// The table of one rank on a machine of its own, or on a common one.
struct RankTable {
  std::vector<Mount> mounts;
  std::string boot_id;
};

// File systems as the first of these ranks sees them.
FileSystems Make(FileSystems::Options options, const std::vector<RankTable>& ranks) {
  std::vector<std::string> digests;
  for (const RankTable& rank : ranks) digests.push_back(EncodeMountDigest(rank.mounts, rank.boot_id));
  return FileSystems(std::move(options), ranks[0].mounts, digests, ranks[0].boot_id);
}

TEST(FileSystems, ANetworkFileSystemThatAllHaveIsShared) {
  const auto systems = Make({}, {{kNode, "a"}, {kNode, "b"}, {kNode, "c"}});
  EXPECT_EQ(systems.Of("/lus"), kShared);
  EXPECT_EQ(systems.Of("/lus/python/lib"), kShared);
  EXPECT_EQ(systems.Of("/"), kLocal);
  EXPECT_EQ(systems.Of("/usr/lib"), kLocal);
  EXPECT_EQ(systems.Of("/tmp/file"), kLocal);
  EXPECT_EQ(systems.Of("/proc/self/maps"), kPseudo);
}

TEST(FileSystems, OneThatOnlySomeHaveIsLocal) {
  EXPECT_EQ(Make({}, {{kNode, "a"}, {{kRoot, kProc, kTmp}, "b"}}).Of("/lus/x"), kLocal);
  Mount other = kLustre;
  other.source = "mgs@o2ib:/other";
  EXPECT_EQ(Make({}, {{kNode, "a"}, {{kRoot, other}, "b"}}).Of("/lus/x"), kLocal);
  other = kLustre;
  other.root = "/project";  // a bind mount of a part of it
  EXPECT_EQ(Make({}, {{kNode, "a"}, {{kRoot, other}, "b"}}).Of("/lus/x"), kLocal);
  other = kLustre;
  other.device = 77;  // numbers are each machine's own
  EXPECT_EQ(Make({}, {{kNode, "a"}, {{kRoot, other}, "b"}}).Of("/lus/x"), kShared);
}

TEST(FileSystems, OnOneMachineEverythingIsSharedButPseudoFileSystems) {
  const auto systems = Make({}, {{kNode, "a"}, {kNode, "a"}});
  EXPECT_EQ(systems.Of("/"), kShared);
  EXPECT_EQ(systems.Of("/tmp/file"), kShared);
  EXPECT_EQ(systems.Of("/lus/x"), kShared);
  EXPECT_EQ(systems.Of("/proc/cpuinfo"), kPseudo);
  Mount own = kTmp;
  own.device = 99;  // a tmpfs of a mount namespace of its own
  const auto apart = Make({}, {{kNode, "a"}, {{kRoot, own}, "a"}});
  EXPECT_EQ(apart.Of("/tmp/file"), kLocal);
  EXPECT_EQ(apart.Of("/usr"), kShared);
}

TEST(FileSystems, ASingleRankSharesWithItself) {
  EXPECT_EQ(Make({}, {{kNode, "a"}}).Of("/usr/lib"), kShared);
}

TEST(FileSystems, ANamedPathSharesTheFileSystemThatItIsOn) {
  const auto systems = Make({.shared_fs = {"/opt/software/", "/tmp"}}, {{kNode, "a"}, {kNode, "b"}});
  EXPECT_EQ(systems.Of("/opt/software/x"), kShared);
  EXPECT_EQ(systems.Of("/etc"), kShared) << "/opt/software lies on the root file system";
  EXPECT_EQ(systems.Of("/tmp/x"), kShared);
  EXPECT_EQ(systems.Of("/proc/x"), kPseudo);
}

TEST(FileSystems, TheJobDirectoryIsLocal) {
  const Mount nested{.point = "/lus/job/nested", .type = "nfs", .source = "h:/e", .device = 9};
  std::vector<Mount> mounts = kNode;
  mounts.push_back(nested);
  const auto systems = Make({.job_directory = "/lus/job/"}, {{mounts, "a"}, {mounts, "b"}});
  EXPECT_EQ(systems.Of("/lus/job"), kLocal);
  EXPECT_EQ(systems.Of("/lus/job/logs/x"), kLocal);
  EXPECT_EQ(systems.Of("/lus/job/nested/x"), kLocal);
  EXPECT_EQ(systems.Of("/lus/jobs"), kShared);
  EXPECT_EQ(systems.Of("/lus"), kShared);
  EXPECT_FALSE(systems.IsMountPoint("/lus/job"));
  EXPECT_EQ(Make({.target = "/lus/job/in", .job_directory = "/lus/job"}, {{mounts, "a"}}).Of("/x"), kLocal);
}

TEST(FileSystems, CopperMountsAreForbiddenByWholeNames) {
  std::vector<Mount> mounts = kNode;
  mounts.push_back({.point = "/tmp/other", .type = "fuse.copper", .source = "copper", .device = 9});
  const auto systems = Make({.copper_mounts = {"/tmp/mnt3"}}, {{mounts, "a"}});
  EXPECT_EQ(systems.Of("/tmp/mnt3"), kForbidden);
  EXPECT_EQ(systems.Of("/tmp/mnt3/usr"), kForbidden);
  EXPECT_EQ(systems.Of("/tmp/mnt3-data"), kShared);
  EXPECT_EQ(systems.Of("/tmp/mnt"), kShared);
  EXPECT_EQ(systems.Of("/tmp/other/x"), kForbidden);
  EXPECT_TRUE(systems.IsMountPoint("/tmp/mnt3"));
  EXPECT_FALSE(systems.IsMountPoint("/tmp/mnt3/usr"));
  EXPECT_THAT(systems.MountPointsIn("/tmp"), ElementsAre("mnt3", "other"));
}

TEST(FileSystems, UpdateForbidsWhatCameSinceAndChangesNothingElse) {
  auto systems = Make({}, {{kNode, "a"}, {kNode, "b"}});
  std::vector<Mount> later = {kRoot, kProc};
  later.push_back({.point = "/lus/deep/mnt", .type = "fuse.copper", .source = "copper", .device = 9});
  later.push_back({.point = "/home", .type = "nfs", .source = "h:/home", .device = 10});
  EXPECT_EQ(systems.Of("/lus/deep/mnt/x"), kShared);
  systems.Update(later);
  EXPECT_EQ(systems.Of("/lus/deep/mnt/x"), kForbidden);
  EXPECT_EQ(systems.Of("/lus/deep/mnt-x"), kShared);
  EXPECT_EQ(systems.Of("/lus/deep"), kShared);
  EXPECT_EQ(systems.Of("/tmp/x"), kLocal);
  EXPECT_EQ(systems.Of("/home/x"), kLocal);
  systems.Update({kRoot});
  EXPECT_EQ(systems.Of("/lus/deep/mnt/x"), kForbidden);
}

TEST(FileSystems, PathsAreRelativeToTheTarget) {
  std::vector<Mount> mounts = kNode;
  mounts.push_back({.point = "/lus/sw/scratch", .type = "tmpfs", .source = "tmpfs", .device = 11});
  mounts.push_back({.point = "/lus/sw2", .type = "tmpfs", .source = "tmpfs", .device = 12});
  const auto systems =
      Make({.target = "/lus/sw", .copper_mounts = {"/lus/sw/mnt", "/tmp/mnt"}}, {{mounts, "a"}, {mounts, "b"}});
  EXPECT_EQ(systems.Of("/"), kShared);
  EXPECT_EQ(systems.Of("/lib/python"), kShared);
  EXPECT_EQ(systems.Of("/scratch/x"), kLocal);
  EXPECT_EQ(systems.Of("/mnt/x"), kForbidden);
  EXPECT_EQ(systems.Of("/tmp/mnt"), kShared) << "not the machine's /tmp";
  EXPECT_TRUE(systems.IsMountPoint("/scratch"));
  EXPECT_THAT(systems.MountPointsIn("/"), ElementsAre("mnt", "scratch"));
}

TEST(FileSystems, TheTargetMayBeAMountPointOrInsideAForbiddenOne) {
  EXPECT_EQ(Make({.target = "/lus/"}, {{kNode, "a"}, {kNode, "b"}}).Of("/x"), kShared);
  EXPECT_EQ(Make({.target = "/tmp"}, {{kNode, "a"}, {kNode, "b"}}).Of("/x"), kLocal);
  const auto inside = Make({.target = "/tmp/mnt/usr", .copper_mounts = {"/tmp/mnt"}}, {{kNode, "a"}});
  EXPECT_EQ(inside.Of("/"), kForbidden);
  EXPECT_EQ(inside.Of("/lib"), kForbidden);
}

TEST(FileSystems, TheDeepestMountDecidesWhateverSortsBetween) {
  std::vector<Mount> mounts = {kRoot};
  for (const char* point : {"/a", "/a/b/c", "/a-b", "/a.b/c", "/ab"}) {
    mounts.push_back({.point = point, .type = "nfs", .source = std::string("h:") + point, .device = 20});
  }
  mounts.push_back({.point = "/a/b", .type = "tmpfs", .source = "tmpfs", .device = 21});
  const auto systems = Make({}, {{mounts, "a"}, {mounts, "b"}});
  EXPECT_EQ(systems.Of("/a/x"), kShared);
  EXPECT_EQ(systems.Of("/a/b"), kLocal);
  EXPECT_EQ(systems.Of("/a/b/b"), kLocal);
  EXPECT_EQ(systems.Of("/a/b/c"), kShared);
  EXPECT_EQ(systems.Of("/a/b/c-d"), kLocal);
  EXPECT_EQ(systems.Of("/a/b/d"), kLocal);
  EXPECT_EQ(systems.Of("/a/c"), kShared);
  EXPECT_EQ(systems.Of("/a.b"), kLocal);
  EXPECT_EQ(systems.Of("/a.b/c/d"), kShared);
  EXPECT_EQ(systems.Of("/a-b/x"), kShared);
  EXPECT_EQ(systems.Of("/b"), kLocal);
  EXPECT_THAT(systems.MountPointsIn("/"), ElementsAre("a", "a-b", "ab"));
  EXPECT_THAT(systems.MountPointsIn("/a"), ElementsAre("b"));
}

TEST(FileSystems, TheLaterOfTwoMountsOnOnePointCounts) {
  std::vector<Mount> mounts = {kRoot, kLustre, kTmp};
  mounts.push_back({.point = "/lus", .type = "tmpfs", .source = "tmpfs", .device = 30});
  EXPECT_EQ(Make({}, {{mounts, "a"}, {mounts, "b"}}).Of("/lus/x"), kLocal);
}

TEST(FileSystems, WithoutAMountTableEverythingIsLocal) {
  const FileSystems systems({}, {}, std::vector<std::string>{"", "short"}, "a");
  EXPECT_EQ(systems.Of("/"), kLocal);
  EXPECT_EQ(systems.Of("/usr"), kLocal);
}

TEST(FileSystems, MayBeAskedWhileUpdated) {
  auto systems = Make({}, {{kNode, "a"}});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) EXPECT_EQ(systems.Of("/usr/lib"), kShared);
    });
  }
  for (int i = 0; i < 100; ++i) {
    systems.Update({{.point = "/tmp/mnt" + std::to_string(i), .type = "fuse.copper", .source = "copper", .device = 5}});
  }
  threads.clear();
  EXPECT_EQ(systems.Of("/tmp/mnt99"), kForbidden);
}

}  // namespace
}  // namespace copper::storage
