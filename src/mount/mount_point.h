// The place where a mount goes: whether it may go there, making it, and taking it away again.
#pragma once

#include <string>
#include <vector>

#include "copper/base/result.h"

namespace copper::mount {

// Whether a mount at this (resolved) point is one's own Copper mount without a daemon.
bool IsOwnDeadMount(const std::string& point);
// Takes dead mounts of one's own away.
Status HealMountPoint(const std::string& point);

// mkdir -p; returns what it made, the outermost first.
Result<std::vector<std::string>> MakeMountPoint(const std::string& point);
void RemoveMade(const std::vector<std::string>& made);

// Lazily: succeeds however busy the mount is. As root directly, else by fusermount3.
Status UnmountLazily(const std::string& point);

}  // namespace copper::mount
