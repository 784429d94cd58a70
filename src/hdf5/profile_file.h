// What the functions of copper/profile/profile_file.h do, once this is loaded. Seen by library.cc, which shows it to
// them, and by the fuzz targets, which link it.
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::hdf5 {

Status WriteProfile(const std::string& file, const profile::Profile& profile);
Status WritePathTable(const std::string& file, const profile::Profile& profile);
Result<profile::Profile> ReadProfile(const std::string& file);

}  // namespace copper::hdf5
