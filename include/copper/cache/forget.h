// What a refresh makes a node forget.
#pragma once

#include <cstdint>
#include <string>

#include "copper/base/clock.h"
#include "copper/cache/cache.h"

namespace copper::cache {

// Drops what was kept before this epoch of a path and all below it, and of the directory that it is in. How many
// absences were still believed. Looks through all of the tables.
uint64_t Forget(Cache& cache, const std::string& path, Epoch epoch, TimePoint now);

}  // namespace copper::cache
