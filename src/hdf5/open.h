// Opening and making HDF5 files. Copper's are of the format of HDF5 1.10, in which everything that HDF5 follows when it
// reads has a checksum, and each chunk of data has too (dataset.h): what is damaged is noticed before it is
// believed.
#pragma once

#include <string>

#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "hdf5/handle.h"

namespace copper::hdf5 {

// Opens it, and looks at its first bytes, before HDF5 does. EBADMSG: no HDF5 file, cut off, or of a format in which
// Copper does not write.
Result<UniqueFd> OpenForReading(const std::string& file);

Handle OpenHdf5(const std::string& path);
Handle CreateHdf5(const std::string& path);

}  // namespace copper::hdf5
