// How much memory this process may use: the least of its control groups' limits (version 1 and 2, of every group above
// it too) and the machine's memory.
#pragma once

#include <cstdint>
#include <string>

namespace copper {

// Bytes. `root` is put before /proc and /sys: for tests.
uint64_t MemoryLimit(const std::string& root = "");

}  // namespace copper
