// A profile as a file (HDF5), which may be cut off, damaged, or another's.
#include "hdf5/profile_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "copper/base/unique_fd.h"
#include "expect.h"

using namespace copper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const UniqueFd file(memfd_create("profile", MFD_CLOEXEC));
  EXPECT_ALWAYS(file && write(file.get(), data, size) == static_cast<ssize_t>(size));
  const auto profile = hdf5::ReadProfile("/proc/self/fd/" + std::to_string(file.get()));
  if (!profile) {
    EXPECT_ALWAYS(profile.error().code == EBADMSG || profile.error().code == ENOMEM);
    return 0;
  }
  EXPECT_ALWAYS(profile->Missing().size() <= profile->job_ranks);
  return 0;
}
