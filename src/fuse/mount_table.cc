#include "mount_table.h"

#include <charconv>
#include <string_view>

namespace copper::fuse {

Result<std::vector<MountInfo>> MountsAt(const std::string& point) {
  auto mounts = ReadMountInfo();
  if (mounts) std::erase_if(*mounts, [&](const MountInfo& mount) { return mount.point != point; });
  return mounts;
}

int64_t UserOf(const MountInfo& mount) {
  constexpr std::string_view kName = "user_id=";
  const size_t at = mount.options.find(kName);
  int64_t user = -1;
  if (at != std::string::npos) {
    std::from_chars(mount.options.data() + at + kName.size(), mount.options.data() + mount.options.size(), user);
  }
  return user;
}

}  // namespace copper::fuse
