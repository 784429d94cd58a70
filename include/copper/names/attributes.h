// What Copper knows of a file: version and attributes.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "copper/base/file_time.h"

namespace copper {

// Identifies the content of a path: replaced, rewritten or truncated files differ. Not ctime: a new hard link changes
// it.
struct FileVersion {
  uint64_t inode = 0;
  uint64_t size = 0;  // bytes
  FileTime mtime{};

  bool operator==(const FileVersion&) const = default;
  explicit operator bool() const { return *this != FileVersion{}; }
  // For hash tables.
  uint64_t Folded() const { return inode ^ mtime.Folded(); }
};

// Which of the mount's file systems a file lies on: a number of 31 bits, the same on all ranks. Of what is Copper's
// own, and of no source:
inline constexpr uint64_t kOwnFileSystem = 0x7fff'ffff;
// Added where a file system keeps no inode numbers, and `inode` is a hash of the path.
inline constexpr uint64_t kInodesOfPaths = uint64_t{1} << 31;

struct Attributes {
  uint32_t mode = 0;  // type and permission bits, as in st_mode
  uint32_t nlink = 1;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t rdev = 0;
  // Which of the mount's file systems it lies on, in 31 bits: the same on all ranks. With `inode` it identifies the
  // file.
  uint64_t file_system = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  uint64_t blocks = 0;  // of 512 bytes
  uint32_t block_size = 4096;
  FileTime atime{};
  FileTime mtime{};
  FileTime ctime{};
  std::string symlink_target;  // of a symlink, else empty

  bool operator==(const Attributes&) const = default;
  FileVersion version() const { return {inode, size, mtime}; }
  bool IsDirectory() const { return S_ISDIR(mode); }
  bool IsRegular() const { return S_ISREG(mode); }
  bool IsSymlink() const { return S_ISLNK(mode); }
};

// As in statvfs(3).
struct StatFs {
  uint64_t block_size = 0, fragment_size = 0, blocks = 0, blocks_free = 0, blocks_available = 0;
  uint64_t files = 0, files_free = 0, name_max = 255;
};

}  // namespace copper
