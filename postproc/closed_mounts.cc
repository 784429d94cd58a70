#include "closed_mounts.h"

#include <algorithm>
#include <array>

#include "copper/base/mount_info.h"
#include "copper/base/path.h"

namespace copper::postproc {
namespace {

constexpr std::array kPseudoFileSystems = {"proc",    "sysfs",     "cgroup",     "cgroup2",  "devtmpfs", "devpts",
                                           "debugfs", "tracefs",   "securityfs", "bpf",      "autofs",   "configfs",
                                           "mqueue",  "hugetlbfs", "pstore",     "efivarfs", "fusectl"};

bool IsClosed(const MountInfo& mount) {
  return mount.type == kCopperType || std::ranges::find(kPseudoFileSystems, mount.type) != kPseudoFileSystems.end();
}

std::vector<MountInfo> Mounts() {
  return ReadMountInfo().value_or(std::vector<MountInfo>());
}

}  // namespace

std::vector<std::string> ClosedMounts() {
  std::vector<std::string> closed;
  for (const MountInfo& mount : Mounts()) {
    if (IsClosed(mount)) closed.push_back(mount.point);
  }
  return closed;
}

std::string ClosedMountOf(const std::string& path) {
  MountInfo innermost;
  for (MountInfo& mount : Mounts()) {
    if (IsAtOrBelow(path, mount.point) && mount.point.size() >= innermost.point.size()) innermost = std::move(mount);
  }
  return IsClosed(innermost) ? innermost.point : "";
}

}  // namespace copper::postproc
