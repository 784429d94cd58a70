// The table of all paths: their bytes one after the other, and a dataset for each column, all of them streamed, so that
// beside the run of paths there is never more than a block in memory.
#pragma once

#include "copper/profile/path_run.h"
#include "hdf5/handle.h"
#include "hdf5/schema.h"

namespace copper::hdf5 {

void WritePaths(hid_t file, const PathRun& paths);
PathRun ReadPaths(hid_t file);

}  // namespace copper::hdf5
