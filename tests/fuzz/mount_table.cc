// The text of /proc/self/mountinfo: mount points and sources hold any bytes that users chose.
#include "copper/base/mount_info.h"
#include "expect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const copper::MountInfo& mount : copper::ParseMountInfo(text)) {
    EXPECT_ALWAYS(mount.point.size() + mount.root.size() + mount.type.size() + mount.source.size() <= size);
  }
  return 0;
}
