// The kernel's first request, INIT. libfuse up to 3.16 forgets to pass FUSE_PARALLEL_DIROPS on (libfuse#861), without
// which the kernel serialises all lookups in a directory: the reply is taken on its way, and the flag added.
#pragma once

#include <functional>
#include <string_view>

#include "copper/base/result.h"

namespace copper::fuse {

// `request` as it was read from the connection. `process` makes libfuse answer it, by a write to `connection`, to which
// nobody else may write or read meanwhile.
Status Greet(int connection, std::string_view request, const std::function<void()>& process);

}  // namespace copper::fuse
