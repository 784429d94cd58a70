// What the launcher's environment says (PMI_RANK, PALS_RANKID, SLURM_PROCID, ...), before MPI is up: so that one rank
// alone prints a message about a bad option.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "copper/base/result.h"

namespace copper::bootstrap {

struct LauncherView {
  std::optional<uint32_t> rank;
  std::optional<uint32_t> size;
  bool IsFirst() const { return rank.value_or(0) == 0; }
};
// Believes only what launchers set for each process (a pair of rank and size): inside a batch script SLURM_NTASKS is
// the size of the allocation, whatever is started there.
LauncherView ReadLauncherEnvironment();

// EINVAL where the launcher started several processes, but MPI has each of them as rank 0 of 1.
Status CheckWorld(const LauncherView& launcher, uint32_t mpi_size, const std::string& mpi_library);

}  // namespace copper::bootstrap
