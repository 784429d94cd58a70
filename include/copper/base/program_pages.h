// The pages of the program and its libraries that a process has mapped: they count as its own (VmRSS), though all
// processes of a host share them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace copper {

// Addresses, the second one past the end.
struct MappedRange {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool operator==(const MappedRange&) const = default;
};

// Of what /proc/PID/smaps says: the private mappings of files that can't be written and are as they are in the file,
// and of which some pages are there. Nothing in memory, neither relocated nor patched, nor swapped out, is lost with
// them.
std::vector<MappedRange> UnchangedMappings(std::string_view smaps);

// Lets go of these pages, in this process: what is touched again is found in the page cache. For a process that had to
// touch much to come up, and needs little of it from then on. Does nothing where there is no /proc.
void LetGoOfProgramPages();

}  // namespace copper
