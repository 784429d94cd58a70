// What a walk does not enter: mounts of Copper, which would read everything through the cache, pseudo file systems, and
// triggers of automounts.
#pragma once

#include <string>
#include <vector>

namespace copper::postproc {

// Their mount points, from the mount table of this process.
std::vector<std::string> ClosedMounts();

// The mount in which `path` (absolute, without links) lies, where it is one of these; else empty.
std::string ClosedMountOf(const std::string& path);

}  // namespace copper::postproc
