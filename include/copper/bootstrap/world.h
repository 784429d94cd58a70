// MPI, the only place that names it: used by the main thread alone, at the two ends of the job only.
//
// Collectives are called by every rank in the same order. They wait with growing pauses instead of spinning: where
// ranks outnumber cores, a rank that spins keeps the one it waits for from running.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/base/result.h"

namespace copper::bootstrap {

// What the launcher's environment says (PMI_RANK, PALS_RANKID, SLURM_PROCID, ...), before MPI is up: so that one
// rank alone prints a message about a bad option.
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

class World {
 public:
  // MPI_Init. EINVAL if this world does not fit the launcher's view (every process believes that it is rank 0 of 1).
  static Result<World> Init(const LauncherView& launcher);
  World(World&&) noexcept;
  World& operator=(World&&) = delete;
  ~World();  // finalizes, unless Abandon was called

  Rank rank() const { return rank_; }
  uint32_t size() const { return size_; }

  // result[r] is what rank r gave; any length.
  std::vector<std::string> AllGather(const std::string& mine);
  std::string Broadcast(const std::string& from_rank_0);
  // The first failure of any rank, the same on all, with host and rank in its message.
  Status Agree(const Status& mine, const std::string& host);
  // ETIMEDOUT where some rank did not come; the world is abandoned then.
  Status Barrier(Duration timeout);

  // From one rank to another, which has to ask for it: a message of at most INT_MAX bytes, resp. `most`. ETIMEDOUT; the
  // world is abandoned then. ESHUTDOWN where it was before.
  Status Send(Rank to, const Bytes& message, TimePoint deadline);
  Result<Bytes> Receive(Rank from, size_t most, TimePoint deadline);

  // A rank is lost: from now on no MPI call is made, since it might never return.
  void Abandon() { active_ = false; }
  void Finalize();

 private:
  World(Rank rank, uint32_t size) : rank_(rank), size_(size) {}
  Rank rank_;
  uint32_t size_;
  bool active_ = true;
  std::vector<Bytes> abandoned_;  // MPI may still read it
};

}  // namespace copper::bootstrap
