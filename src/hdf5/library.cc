// The library's face: the one name that it exports.
#include "copper/profile/file_library.h"
#include "hdf5/profile_file.h"

extern "C" {
[[gnu::visibility("default")]] extern const copper::profile::FileLibrary copper_file_library;
const copper::profile::FileLibrary copper_file_library{.build = copper::profile::BuildOf(COPPER_VERSION),
                                                       .write = copper::hdf5::WriteProfile,
                                                       .write_path_table = copper::hdf5::WritePathTable,
                                                       .read = copper::hdf5::ReadProfile};
}
