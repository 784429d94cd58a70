#include <gtest/gtest.h>

#include <map>
#include <set>

#include "copper/names/attributes.h"
#include "copper/storage/file_systems.h"

namespace copper::storage {
namespace {

const Mount kRoot{.point = "/", .type = "ext4", .source = "/dev/sda1", .device = 1};
const Mount kProc{.point = "/proc", .type = "proc", .source = "proc", .device = 2};
const Mount kTmp{.point = "/tmp", .type = "tmpfs", .source = "tmpfs", .device = 3};
const Mount kShm{.point = "/dev/shm", .type = "tmpfs", .source = "tmpfs", .device = 5};
const Mount kLustre{.point = "/lus", .type = "lustre", .source = "mgs@o2ib:/lus", .device = 4};
const Mount kHome{.point = "/home", .type = "nfs", .source = "server:/home", .device = 6};
const std::vector<Mount> kNode = {kRoot, kProc, kTmp, kShm, kLustre, kHome};

// As a rank sees them that has these mounts, of a job whose ranks have those.
FileSystems Make(FileSystems::Options options, const std::vector<std::vector<Mount>>& ranks, size_t self = 0) {
  std::vector<std::string> digests;
  for (size_t i = 0; i < ranks.size(); ++i) digests.push_back(EncodeMountDigest(ranks[i], "boot" + std::to_string(i)));
  return FileSystems(std::move(options), ranks[self], digests, "boot" + std::to_string(self));
}

std::vector<Mount> WithOtherDevices(std::vector<Mount> mounts) {
  for (Mount& mount : mounts) mount.device += 100;
  return mounts;
}

uint32_t NumberOf(const FileSystems& systems, const std::string& path) {
  return systems.NumberingOf(path).file_system;
}

const std::vector<std::string> kPlaces = {"/", "/proc", "/tmp", "/dev/shm", "/lus", "/home"};

std::map<std::string, uint32_t> NumbersOf(const FileSystems& systems) {
  std::map<std::string, uint32_t> numbers;
  for (const std::string& place : kPlaces) numbers[place] = NumberOf(systems, place);
  return numbers;
}

TEST(FileSystemNumbers, AreDifferentAndOf31Bits) {
  std::set<uint32_t> numbers;
  for (const auto& [place, number] : NumbersOf(Make({}, {kNode, kNode}))) {
    EXPECT_LT(number, kOwnFileSystem);
    numbers.insert(number);
  }
  EXPECT_EQ(numbers.size(), kPlaces.size());
}

TEST(FileSystemNumbers, TheTargetsOwnIsZeroIfItIsShared) {
  EXPECT_EQ(NumberOf(Make({.target = "/lus/soft"}, {kNode, kNode}), "/"), 0U);
  const auto one_machine = Make({}, {kNode});
  EXPECT_EQ(NumberOf(one_machine, "/usr"), 0U);
  EXPECT_NE(NumberOf(one_machine, "/lus"), 0U);
}

TEST(FileSystemNumbers, ElseTheFirstSharedOneIs) {
  const auto systems = Make({}, {kNode, kNode});
  EXPECT_EQ(NumberOf(systems, "/home/user"), 0U);
  EXPECT_NE(NumberOf(systems, "/lus"), 0U);
  EXPECT_NE(NumberOf(systems, "/usr"), 0U);
}

TEST(FileSystemNumbers, ElseTheTargetsAfterAll) {
  const std::vector<Mount> local = {kRoot, kProc, kTmp};
  const auto systems = Make({}, {local, local});
  EXPECT_EQ(NumberOf(systems, "/usr"), 0U);
  EXPECT_NE(NumberOf(systems, "/tmp"), 0U);
}

TEST(FileSystemNumbers, AreTheSameOnAllRanksAndAfterTheNextBoot) {
  const std::vector<Mount> other = WithOtherDevices(kNode);
  EXPECT_EQ(NumbersOf(Make({}, {kNode, other}, 0)), NumbersOf(Make({}, {kNode, other}, 1)));
  EXPECT_EQ(NumbersOf(Make({}, {kNode, kNode})), NumbersOf(Make({}, {other, other})));
}

// What else a node has mounted changes nothing about what is shared.
TEST(FileSystemNumbers, OfSharedOnesDependOnSharedOnesAlone) {
  std::vector<Mount> more = kNode;
  more.insert(more.begin(), {.point = "/a", .type = "tmpfs", .source = "tmpfs", .device = 77});
  more.push_back({.point = "/also-lus", .type = "lustre", .source = kLustre.source, .device = kLustre.device});
  const auto plain = Make({}, {kNode, more}, 0), fancy = Make({}, {kNode, more}, 1);
  for (const std::string place : {"/lus", "/home"}) EXPECT_EQ(NumberOf(plain, place), NumberOf(fancy, place)) << place;
  EXPECT_EQ(NumberOf(fancy, "/also-lus"), NumberOf(fancy, "/lus")) << "it is the same file system";
}

TEST(FileSystemNumbers, MountsOfOneFileSystemHaveOne) {
  std::vector<Mount> mounts = kNode;
  mounts.push_back({.point = "/soft", .type = "lustre", .source = kLustre.source, .device = 4, .root = "/soft"});
  mounts.push_back({.point = "/bound", .type = "ext4", .source = "/dev/sda1", .device = 1, .root = "/var"});
  const auto systems = Make({}, {mounts, mounts});
  EXPECT_EQ(NumberOf(systems, "/soft"), NumberOf(systems, "/lus"));
  EXPECT_EQ(NumberOf(systems, "/bound"), NumberOf(systems, "/usr"));
}

// Two BeeGFS are both called "beegfs_nodev".
TEST(FileSystemNumbers, AnEqualNameIsNotAnEqualFileSystem) {
  const std::vector<Mount> mounts = {kRoot,
                                     {.point = "/b1", .type = "beegfs", .source = "beegfs_nodev", .device = 8},
                                     {.point = "/b2", .type = "beegfs", .source = "beegfs_nodev", .device = 9}};
  const auto systems = Make({}, {mounts, mounts});
  EXPECT_NE(NumberOf(systems, "/b1"), NumberOf(systems, "/b2"));
}

TEST(FileSystemNumbers, TheJobDirectoryHasThatOfWhatItLiesOn) {
  const auto systems = Make({.target = "/lus", .job_directory = "/lus/me/job"}, {kNode, kNode});
  EXPECT_EQ(NumberOf(systems, "/me/job/logs"), 0U);
  EXPECT_EQ(systems.NumberingOf("/me/job").device, kLustre.device);
  const auto local = Make({.job_directory = "/tmp/job"}, {kNode, kNode});
  EXPECT_EQ(NumberOf(local, "/tmp/job"), NumberOf(local, "/tmp"));
}

TEST(FileSystemNumbers, CopperMountsHaveTheirOwn) {
  const auto systems = Make({.copper_mounts = {"/tmp/mnt"}}, {kNode, kNode});
  EXPECT_EQ(NumberOf(systems, "/tmp/mnt"), kOwnFileSystem);
}

TEST(KeepsInodeNumbers, IsKnownByType) {
  for (const char* type :
       {"lustre", "nfs", "nfs4", "gpfs", "ceph", "ext4", "xfs", "tmpfs", "fuse.ceph-fuse", "fuseblk"}) {
    EXPECT_TRUE(KeepsInodeNumbers(type)) << type;
  }
  for (const char* type : {"fuse", "fuse.sshfs", "fuse.rclone", "fuse.gcsfuse", "cifs", "smb3", "9p", "vfat"}) {
    EXPECT_FALSE(KeepsInodeNumbers(type)) << type;
  }
}

TEST(TopOf, IsWhereAFileSystemBegins) {
  const auto systems = Make({.job_directory = "/lus/job"}, {kNode, kNode});
  EXPECT_EQ(systems.TopOf("/lus/a/b"), "/lus");
  EXPECT_EQ(systems.TopOf("/lus/job/logs"), "/lus");
  EXPECT_EQ(systems.TopOf("/usr/lib"), "/");
}

}  // namespace
}  // namespace copper::storage
