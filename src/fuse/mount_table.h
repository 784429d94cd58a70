// FUSE mounts as /proc/self/mountinfo shows them; reading it asks no file system, so a dead or hanging mount does no
// harm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"

namespace copper::fuse {

struct MountEntry {
  uint64_t id = 0;      // of the mount, as long as it is there
  std::string device;   // "major:minor": st_dev of what is in it
  std::string point;    // absolute, unescaped
  std::string type;     // "fuse.copper"
  std::string options;  // of the file system: "rw,user_id=0,group_id=0"

  bool operator==(const MountEntry&) const = default;
  // The user who mounted it; -1 where it is not said (no FUSE mount).
  int64_t user_id() const;
};

std::vector<MountEntry> ParseMountTable(std::string_view mountinfo);
// All mounts at this point, the one on top last.
Result<std::vector<MountEntry>> MountsAt(const std::string& point);

}  // namespace copper::fuse
