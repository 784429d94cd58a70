// What a rank checks of its own host before anything is made: each message says what is wrong and what to do.
#pragma once

#include <string>

#include "copper/base/result.h"

namespace copper::app {

// The target is a directory that may be listed and searched. Gives it with every symlink on the way resolved.
Result<std::string> ResolveTarget(const std::string& target);

// The job directory can be used, or made: one's own, writable, not reached through somebody else's symlink.
Status CheckJobDirectory(const std::string& path);

}  // namespace copper::app
