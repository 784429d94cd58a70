// Finds the library of file_library.h, and loads it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "copper/profile/file_library.h"

namespace copper::profile {

// Directories, the likeliest first. Empty where /proc does not show where the program lies.
std::vector<std::string> PlacesOfFileLibrary();

// From the first of these directories that has it. It stays loaded for good: to load it again takes no look at the file
// system. The library's own libraries are found as any program's, and none of their names are seen by others
// (RTLD_LOCAL). Any thread. Errors as in profile_file.h. The first time it blocks on the file system.
Result<const FileLibrary*> LoadFileLibrary(std::span<const std::string> places);

}  // namespace copper::profile
