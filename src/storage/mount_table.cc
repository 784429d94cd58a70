#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "copper/base/path.h"
#include "copper/storage/file_systems.h"
#include "storage/paths.h"

namespace copper::storage {
namespace {

using Covers = std::set<std::pair<uint64_t, std::string_view>>;  // parent, point

// Whether another mount with the same parent lies on a directory above: whatever was mounted below it can't be reached.
bool IsUnderCover(const MountInfo& mount, const Covers& covers) {
  std::string_view point = mount.point;
  while (point != "/") {
    point = ParentPath(point);
    if (covers.contains({mount.parent, point})) return true;
  }
  return false;
}

// The ids of mounts that no path leads to: those under a cover, and what is mounted on them.
std::set<uint64_t> Hidden(const std::vector<MountInfo>& mounts) {
  Covers covers;
  for (const MountInfo& mount : mounts) {
    if (mount.id != mount.parent) covers.emplace(mount.parent, mount.point);
  }
  std::set<uint64_t> hidden;
  for (const MountInfo& mount : mounts) {
    if (IsUnderCover(mount, covers)) hidden.insert(mount.id);
  }
  for (size_t before = 0; before != hidden.size();) {
    before = hidden.size();
    for (const MountInfo& mount : mounts) {
      if (hidden.contains(mount.parent)) hidden.insert(mount.id);
    }
  }
  // A mount on the very root of another covers it whole.
  for (const MountInfo& mount : mounts) {
    const auto under = std::ranges::find(mounts, mount.parent, &MountInfo::id);
    if (under != mounts.end() && under->id != mount.id && under->point == mount.point) hidden.insert(under->id);
  }
  return hidden;
}

constexpr std::array kNetworkTypes = std::to_array<std::string_view>(
    {"9p",           "afs",       "beegfs",         "ceph",      "cifs",       "coda",
     "daos",         "dvs",       "fhgfs",          "gfs2",      "gpfs",       "lustre",
     "lustre_lite",  "nfs",       "nfs4",           "ocfs2",     "orangefs",   "panfs",
     "pvfs2",        "quobyte",   "scoutfs",        "smb3",      "smbfs",      "wekafs",
     "fuse.beegfs",  "fuse.ceph", "fuse.ceph-fuse", "fuse.daos", "fuse.dfuse", "fuse.glusterfs",
     "fuse.juicefs", "fuse.mfs",  "fuse.quobyte",   "fuse.s3fs", "fuse.sshfs"});

constexpr std::array kPseudoTypes = std::to_array<std::string_view>(
    {"autofs",   "binderfs",   "binfmt_misc", "bpf",       "cgroup",    "cgroup2", "configfs", "debugfs", "devpts",
     "devtmpfs", "efivarfs",   "fuse.lxcfs",  "fusectl",   "hugetlbfs", "mqueue",  "nsfs",     "proc",    "pstore",
     "resctrl",  "rpc_pipefs", "securityfs",  "selinuxfs", "smackfs",   "sysfs",   "tracefs"});

// FUSE file systems whose inode numbers are their servers' own.
constexpr std::array kKeepingFuseTypes = std::to_array<std::string_view>(
    {"fuse.beegfs", "fuse.ceph", "fuse.ceph-fuse", "fuse.daos", "fuse.dfuse", "fuse.glusterfs", "fuse.juicefs",
     "fuse.lxcfs", "fuse.mfs", "fuse.quobyte", "fuse.squashfuse_ll"});

constexpr std::array kRenumberingTypes =
    std::to_array<std::string_view>({"9p", "cifs", "exfat", "msdos", "smb3", "smbfs", "vboxsf", "vfat"});

}  // namespace

bool IsNetworkType(std::string_view type) {
  return std::ranges::find(kNetworkTypes, type) != kNetworkTypes.end();
}
bool IsPseudoType(std::string_view type) {
  return std::ranges::find(kPseudoTypes, type) != kPseudoTypes.end();
}
bool KeepsInodeNumbers(std::string_view type) {
  const auto is_type = [&](std::string_view other) { return type == other; };
  if (type == "fuse" || type.starts_with("fuse.")) return std::ranges::any_of(kKeepingFuseTypes, is_type);
  return std::ranges::none_of(kRenumberingTypes, is_type);
}

Result<std::vector<Mount>> ReadMountTable(const std::string& mountinfo) {
  const Result<std::vector<MountInfo>> all = ReadMountInfo(mountinfo);
  if (!all) return std::unexpected(all.error());
  return ReachableMounts(*all);
}

std::vector<Mount> ReachableMounts(const std::vector<MountInfo>& all) {
  const std::set<uint64_t> hidden = Hidden(all);
  std::vector<Mount> mounts;
  for (const MountInfo& mount : all) {
    if (hidden.contains(mount.id)) continue;
    mounts.push_back({mount.point, mount.type, mount.source, mount.device, mount.root});
  }
  return mounts;
}

}  // namespace copper::storage
