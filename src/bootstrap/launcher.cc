#include <charconv>
#include <cstdlib>
#include <cstring>

#include "copper/bootstrap/launcher.h"

namespace copper::bootstrap {
namespace {

struct Variables {
  const char* rank;
  const char* size;
};

// The innermost launcher first: Hydra starts its proxies with srun, whose variables the ranks then inherit.
constexpr Variables kLaunchers[] = {
    {"PMI_RANK", "PMI_SIZE"},                          // Hydra, PALS, srun --mpi=pmi2
    {"PALS_RANKID", "PALS_SIZE"},                      // HPE PALS
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},  // Open MPI
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},          // srun
    {"MPI_LOCALRANKID", "MPI_LOCALNRANKS"},            // Hydra, of one node
};

std::optional<uint32_t> ReadNumber(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  uint32_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

}  // namespace

LauncherView ReadLauncherEnvironment() {
  for (const Variables& launcher : kLaunchers) {
    const LauncherView view{ReadNumber(launcher.rank), ReadNumber(launcher.size)};
    if (view.rank && view.size && *view.rank < *view.size) return view;
  }
  return {};
}

Status CheckWorld(const LauncherView& launcher, uint32_t mpi_size, const std::string& mpi_library) {
  const uint32_t started = launcher.size.value_or(1);
  if (started <= 1 || mpi_size != 1) return {};
  return Fail(EINVAL,
              "every process believes that it is rank 0 of 1: the launcher started " + std::to_string(started) +
                  " processes, but MPI has joined none of them; start cu_fuse with the mpiexec of the MPI that it "
                  "was built with (" +
                  mpi_library + "), or with srun --mpi=pmi2");
}

}  // namespace copper::bootstrap
