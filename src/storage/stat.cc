#include "storage/stat.h"

#include <fcntl.h>
#include <unistd.h>

#include <climits>

#include "storage/retry.h"

namespace copper::storage {
namespace {

constexpr int kLookFlags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

Result<std::string> ReadLink(int directory, const char* name) {
  char target[PATH_MAX];
  const ssize_t length = Retry([&] { return readlinkat(directory, name, target, sizeof target); });
  if (length < 0) return Fail(errno);
  if (length == sizeof target) return Fail(ENAMETOOLONG);  // it may have been cut
  return std::string(target, static_cast<size_t>(length));
}

}  // namespace

Status Stat(int fd, struct stat& found) {
  if (Retry([&] { return fstatat(fd, "", &found, kLookFlags); }) != 0) return Fail(errno);
  return {};
}

Result<Looked> LookAt(int directory, const char* name) {
  struct stat found{};
  if (Retry([&] { return fstatat(directory, name, &found, kLookFlags); }) != 0) return Fail(errno);
  Looked looked{AttributesOf(found), found.st_dev};
  if (!looked.attributes.IsSymlink()) return looked;
  Result<std::string> target = ReadLink(directory, name);
  if (!target) return std::unexpected(target.error());
  looked.attributes.symlink_target = std::move(*target);
  return looked;
}

Attributes AttributesOf(const struct stat& found) {
  Attributes attributes;
  attributes.mode = found.st_mode;
  attributes.nlink = static_cast<uint32_t>(found.st_nlink);
  attributes.uid = found.st_uid;
  attributes.gid = found.st_gid;
  attributes.rdev = found.st_rdev;
  attributes.inode = found.st_ino;
  attributes.size = static_cast<uint64_t>(found.st_size);
  attributes.blocks = static_cast<uint64_t>(found.st_blocks);
  attributes.block_size = static_cast<uint32_t>(found.st_blksize);
  attributes.atime = FileTime::From(found.st_atim);
  attributes.mtime = FileTime::From(found.st_mtim);
  attributes.ctime = FileTime::From(found.st_ctim);
  return attributes;
}

}  // namespace copper::storage
