// A profile as an HDF5 file, and back. The names, types and units are in src/hdf5/schema.h; postproc/README.md is their
// document. Any thread, one call at a time in a process.
//
// HDF5 brings some thirty libraries with it. So what sees it (src/hdf5) is a library of its own, copper_hdf5.so, which
// the first of these calls loads, and which stays: from where it was installed (../lib/copper, seen from the program),
// or beside the program. Where it can't be loaded, all of them fail with what is missing (ENOENT, ELIBACC, or what its
// reading failed with), or that it is of another build (ELIBBAD).
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

// Loads the library, for who can't be sure of the file system that it lies on later, or wants to know that it is there.
// Blocks on that file system.
Status LoadProfileFiles();

// Through a temporary name beside it and a rename: a reader never sees half a file. Folders are made. The file is made
// in memory first, compressed (some 12 bytes a path); an error is that of the disk, and leaves nothing behind.
Status WriteProfile(const std::string& file, const Profile& profile);
// Of this the job, the ranks with their tables, and the paths alone: tables/final/copper_tables.h5.
Status WritePathTable(const std::string& file, const Profile& profile);

// Either of them. ENOENT and other errors of opening; EBADMSG with what is wrong: no HDF5 file, cut off, not Copper's,
// of a newer schema, damaged. Texts may be any bytes.
Result<Profile> ReadProfile(const std::string& file);

}  // namespace copper::profile
