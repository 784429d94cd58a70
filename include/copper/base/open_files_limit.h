// How many files this process may have open (RLIMIT_NOFILE, `ulimit -n`).
#pragma once

#include <cstdint>

namespace copper {

// Raises the limit as far as an ordinary process may, to the hard one, and gives what it is then. Beyond some 65,536 it
// is left alone: some libraries look at every number below it. Threads that are there already have it, too.
uint64_t RaiseOpenFilesLimit();

// What it is now.
uint64_t OpenFilesLimit();

}  // namespace copper
