// What a rank checks of its own host before anything is made: each message says what is wrong and what to do.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "copper/base/result.h"
#include "copper/storage/file_systems.h"

namespace copper::app {

// The target is a directory that may be listed and searched, and not on a mount of Copper, which shows none of
// another's files. Gives it with every symlink on the way resolved. `mounts` is the mount table.
Result<std::string> ResolveTarget(const std::string& target, std::span<const storage::Mount> mounts);

// What --shared-fs names is on every node; likewise without symlinks, which mount points are compared with.
Result<std::vector<std::string>> ResolveShared(const std::vector<std::string>& paths,
                                               std::span<const storage::Mount> mounts);

// Of what a process may map (RLIMIT_AS): with less, MPI hangs in its start, or ends it without a word that tells why.
Status CheckAddressSpace(uint64_t limit);

}  // namespace copper::app
