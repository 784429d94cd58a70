// How much memory this process may use, and has used. What it may is the least of its control groups' limits (version 1
// and 2, of every group above it too) and the machine's memory.
#pragma once

#include <cstdint>
#include <string>

namespace copper {

// Bytes. `root` is put before /proc and /sys: for tests.
uint64_t MemoryLimit(const std::string& root = "");

// How many bytes this process may map at all (RLIMIT_AS, RLIMIT_DATA: `ulimit -v`, `ulimit -d`), of which what it holds
// is the lesser part: libraries, the stacks of threads and what is kept for receives count as much. UINT64_MAX: any
// number.
uint64_t AddressSpaceLimit(const std::string& root = "");

// The most that this process has used so far, in bytes (VmHWM); 0 if that is not known.
uint64_t PeakMemoryBytes();

}  // namespace copper
