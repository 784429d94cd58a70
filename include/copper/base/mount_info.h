// The mount table of this process, as /proc/self/mountinfo has it (proc(5)). Reading it asks no file system, so a dead
// or hanging mount does no harm.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"

namespace copper {

inline constexpr char kMountInfoFile[] = "/proc/self/mountinfo";
// The type under which Copper's own mounts appear there.
inline constexpr std::string_view kCopperType = "fuse.copper";

struct MountInfo {
  uint64_t id = 0;      // of the mount, as long as it is there
  uint64_t parent = 0;  // the mount that it lies on
  uint64_t device = 0;  // st_dev of what is in it
  std::string root;     // what of the file system is mounted: "/", unless it is a bind mount
  std::string point;    // absolute, unescaped
  std::string type;     // "ext4", "fuse.copper"
  std::string source;   // "host:/export", "/dev/vda"
  std::string options;  // of the file system: "rw,user_id=0,group_id=0"

  bool operator==(const MountInfo&) const = default;
};

// In the order of the file: later mounts at one point lie over earlier ones. Lines that make no sense are left out.
std::vector<MountInfo> ParseMountInfo(std::string_view text);
Result<std::vector<MountInfo>> ReadMountInfo(const std::string& file = kMountInfoFile);

// All mounts at this point, the one on top last.
Result<std::vector<MountInfo>> MountsAt(const std::string& point);
// The mount on top at this point, where it is one of Copper's, and this process's user has mounted it.
std::optional<MountInfo> OwnMountAt(const std::string& point);
// The user who mounted it; -1 where it is not said (no FUSE mount).
int64_t UserOf(const MountInfo& mount);

}  // namespace copper
