// stat(2) and readlink(2) as Copper's own types.
#pragma once

#include <sys/stat.h>

#include <string>

#include "copper/base/result.h"
#include "copper/names/attributes.h"

namespace copper::storage {

// Of what the descriptor itself names, a symlink too if it was opened with O_PATH | O_NOFOLLOW.
Status Stat(int fd, struct stat& found);
// As the file system has them: inode and file system are to be identified (file_identity.h).
struct Looked {
  Attributes attributes;
  uint64_t device = 0;  // st_dev
};
// lstat, and for a symlink readlink, of a name in an open directory; of the descriptor itself where `name` is "".
Result<Looked> LookAt(int directory, const char* name);

Attributes AttributesOf(const struct stat& found);

}  // namespace copper::storage
