// A profile as an HDF5 file, and back. The names, types and units are in schema.h; postproc/README.md is their
// document. This is the only place that sees HDF5. Any thread, one call at a time in a process.
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

// Through a temporary name beside it and a rename: a reader never sees half a file. Folders are made. The file is made
// in memory first, compressed (some 12 bytes a path); an error is that of the disk, and leaves nothing behind.
Status WriteProfile(const std::string& file, const Profile& profile);
// Of this the job, the ranks with their tables, and the paths alone: tables/final/copper_tables.h5.
Status WritePathTable(const std::string& file, const Profile& profile);

// Either of them. ENOENT and other errors of opening; EBADMSG with what is wrong: no HDF5 file, cut off, not Copper's,
// of a newer schema, damaged. Texts may be any bytes.
Result<Profile> ReadProfile(const std::string& file);

}  // namespace copper::profile
