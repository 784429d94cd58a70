// What the mount table says of one mount point.
#pragma once

#include <string>
#include <vector>

#include "copper/base/mount_info.h"

namespace copper::fuse {

// All mounts at this point, the one on top last.
Result<std::vector<MountInfo>> MountsAt(const std::string& point);
// The user who mounted it; -1 where it is not said (no FUSE mount).
int64_t UserOf(const MountInfo& mount);

}  // namespace copper::fuse
