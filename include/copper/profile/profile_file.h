// A profile as an HDF5 file, and back. The names, types and units are in schema.h; postproc/README.md is their
// document. This is the only place that sees HDF5. Any thread, one call at a time in a process.
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

// Through a temporary name beside it and a rename: a reader never sees half a file. Folders are made.
Status WriteProfile(const std::string& file, const Profile& profile);
// The table of paths alone, tables/final/copper_tables.h5.
Status WritePathTable(const std::string& file, const Profile& profile);

// ENOENT; EBADMSG with what is wrong: no HDF5 file, cut off, not Copper's, of a newer schema.
Result<Profile> ReadProfile(const std::string& file);

}  // namespace copper::profile
