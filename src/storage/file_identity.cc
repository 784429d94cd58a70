#include "storage/file_identity.h"

#include "copper/base/hash.h"
#include "copper/names/attributes.h"

namespace copper::storage {

uint64_t PathNumber(std::string_view path) {
  return Hash(path);
}

uint64_t InodeOf(const Numbering& numbering, std::string_view path, uint64_t inode) {
  return numbering.keeps_inodes ? inode : PathNumber(path);
}

void Identify(const Numbering& numbering, std::string_view path, uint64_t device, Attributes& attributes) {
  attributes.inode = InodeOf(numbering, path, attributes.inode);
  attributes.file_system = numbering.file_system;
  // A subvolume, or what was mounted since: its inode numbers are others' too.
  const bool elsewhere = numbering.device != 0 && numbering.device != device;
  if (elsewhere) attributes.file_system ^= Hash(device) & kOwnFileSystem;
  if (!numbering.keeps_inodes) attributes.file_system |= kInodesOfPaths;
}

bool IsOfVersion(const Numbering& numbering, std::string_view path, const struct stat& found,
                 const FileVersion& version) {
  if (static_cast<uint64_t>(found.st_size) != version.size || FileTime::From(found.st_mtim) != version.mtime)
    return false;
  return !numbering.keeps_inodes || found.st_ino == version.inode || version.inode == PathNumber(path);
}

}  // namespace copper::storage
