#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include "copper/storage/file_systems.h"

namespace copper::storage {
namespace {

std::vector<std::string> Points(std::string_view mountinfo) {
  std::vector<std::string> points;
  for (const Mount& mount : ReachableMounts(ParseMountInfo(mountinfo)))
    points.push_back(mount.point + ":" + mount.type);
  return points;
}
using Names = std::vector<std::string>;

TEST(MountTable, ReadsEveryField) {
  const auto mounts = ReachableMounts(
      ParseMountInfo("36 25 98:7 /sub /mnt\\0402\\134x rw,noatime shared:1 master:2 - fuse.sshfs user@host:/a\\040b "
                     "rw,errors=continue\n"));
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].point, "/mnt 2\\x");
  EXPECT_EQ(mounts[0].type, "fuse.sshfs");
  EXPECT_EQ(mounts[0].source, "user@host:/a b");
  EXPECT_EQ(mounts[0].root, "/sub");
  EXPECT_EQ(mounts[0].device, makedev(98, 7));
}

TEST(MountTable, WorksWithoutOptionalFieldsAndSkipsWhatIsNoLine) {
  EXPECT_EQ(Points("1 0 8:1 / / rw - ext4 /dev/sda rw\ngarbage\n\n2 1 0:5 / /proc rw - proc proc rw"),
            (Names{"/:ext4", "/proc:proc"}));
  EXPECT_TRUE(ReachableMounts(ParseMountInfo("")).empty());
}

TEST(MountTable, LeavesOutWhatIsMountedOver) {
  // On the same point.
  EXPECT_EQ(Points("1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /x rw - xfs b rw\n3 2 8:3 / /x rw - nfs c rw\n"),
            (Names{"/:ext4", "/x:nfs"}));
  // On a directory above, with what is mounted below it; the order of the lines does not matter.
  EXPECT_EQ(Points("3 1 8:3 / /x rw - nfs c rw\n1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /x/y rw - xfs b rw\n"
                   "4 2 8:4 / /x/y/z rw - xfs d rw\n"),
            (Names{"/x:nfs", "/:ext4"}));
  // On top of the cover it is reached again.
  EXPECT_EQ(Points("1 0 8:1 / / rw - ext4 a rw\n3 1 8:3 / /x rw - nfs c rw\n2 3 8:2 / /x/y rw - xfs b rw\n"),
            (Names{"/:ext4", "/x:nfs", "/x/y:xfs"}));
  // The root itself.
  EXPECT_EQ(
      Points("1 1 0:1 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 a rw\n3 2 0:5 / /proc rw - proc proc rw\n"),
      (Names{"/:ext4", "/proc:proc"}));
  // Names that merely begin alike.
  EXPECT_EQ(Points("1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /x rw - xfs b rw\n3 1 8:3 / /x-data rw - xfs c rw\n"),
            (Names{"/:ext4", "/x:xfs", "/x-data:xfs"}));
}

TEST(MountTable, ThisMachinesOwn) {
  const auto mounts = ReadMountTable();
  ASSERT_TRUE(mounts);
  const auto proc = std::ranges::find(*mounts, "/proc", &Mount::point);
  ASSERT_NE(proc, mounts->end());
  EXPECT_EQ(proc->type, "proc");
  struct stat found{};
  ASSERT_EQ(stat("/proc", &found), 0);
  EXPECT_EQ(proc->device, found.st_dev);
  EXPECT_FALSE(ReadMountTable("/nonexistent/mountinfo"));
}

TEST(MountTable, KnowsTypes) {
  for (const char* type : {"lustre", "gpfs", "nfs", "nfs4", "ceph", "beegfs", "cifs", "9p", "wekafs", "fuse.sshfs"}) {
    EXPECT_TRUE(IsNetworkType(type)) << type;
    EXPECT_FALSE(IsPseudoType(type)) << type;
  }
  for (const char* type : {"proc", "sysfs", "autofs", "cgroup2", "devtmpfs", "binfmt_misc"}) {
    EXPECT_TRUE(IsPseudoType(type)) << type;
    EXPECT_FALSE(IsNetworkType(type)) << type;
  }
  for (const char* type : {"ext4", "tmpfs", "overlay", "xfs", "fuse", "fuse.copper", ""}) {
    EXPECT_FALSE(IsNetworkType(type)) << type;
    EXPECT_FALSE(IsPseudoType(type)) << type;
  }
}

}  // namespace
}  // namespace copper::storage
