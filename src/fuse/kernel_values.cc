#include "kernel_values.h"

#include <algorithm>

namespace copper::fuse {
namespace {

constexpr double kForTheJob = 10 * 365 * 86400.0;

}  // namespace

double Timeout(TimePoint valid_until, TimePoint now) {
  if (valid_until == kNever) return kForTheJob;
  if (valid_until <= now) return 0;  // by any age: TimePoint::min(), too
  return std::min(std::chrono::duration<double>(valid_until - now).count(), kForTheJob);
}

struct stat ToStat(const Attributes& attributes, uint64_t inode_number) {
  struct stat result{};
  result.st_ino = inode_number;
  result.st_mode = attributes.mode;
  result.st_nlink = attributes.nlink;
  result.st_uid = attributes.uid;
  result.st_gid = attributes.gid;
  result.st_rdev = attributes.rdev;
  result.st_size = static_cast<off_t>(attributes.size);
  result.st_blocks = static_cast<blkcnt_t>(attributes.blocks);
  result.st_blksize = attributes.block_size;
  result.st_atim = attributes.atime.ToTimespec();
  result.st_mtim = attributes.mtime.ToTimespec();
  result.st_ctim = attributes.ctime.ToTimespec();
  return result;
}

}  // namespace copper::fuse
