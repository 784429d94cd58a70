// What a snapshot of the profile is called: the name of its directory under profiling/.
#pragma once

#include <string>

#include "copper/base/result.h"

namespace copper {

// What a user may call a snapshot: letters, digits, '.', '_' and '-', 1 to 64 of them, the first none of "._-"; "final"
// and "cluster" are taken. EINVAL.
Status CheckSnapshotTag(const std::string& tag);

// Where the user gives none: "snapshot-20260131T235959Z".
std::string SnapshotTagOfNow();

}  // namespace copper
