// The paths that a user gives: of the source, and of what is on every node. Each message says which option is wrong,
// and why.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "copper/base/result.h"
#include "copper/storage/file_systems.h"

namespace copper::storage {

// --target is a directory that may be listed and searched, and not on a mount of Copper, which shows none of another's
// files. Gives it with every symlink on the way resolved. `mounts` is the mount table.
Result<std::string> ResolveTarget(const std::string& target, std::span<const Mount> mounts);

// What --shared-fs names is on every node; likewise without symlinks, which mount points are compared with.
Result<std::vector<std::string>> ResolveShared(const std::vector<std::string>& paths, std::span<const Mount> mounts);

}  // namespace copper::storage
