// Whether a path still means the directory that it meant.
#pragma once

#include "copper/names/attributes.h"

namespace copper {

// Whether these attributes of one path are of two directories: one was put in the other's place. Where inode numbers
// are not kept nobody can tell. On another file system it is the same one, with something mounted on it.
inline bool AreTwoDirectories(const Attributes& a, const Attributes& b) {
  return a.IsDirectory() && b.IsDirectory() && a.file_system == b.file_system && a.inode != b.inode &&
         (a.file_system & kInodesOfPaths) == 0;
}

}  // namespace copper
