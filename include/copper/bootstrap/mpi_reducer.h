// The reduction over MPI, at the end of a job that no rank was lost of. Collective; the main thread alone.
#pragma once

#include "copper/bootstrap/world.h"
#include "copper/profile/reducer.h"

namespace copper::bootstrap {

// Up the binary heap tree of all ranks, to rank 0; all ranks return together, or fail, and then each has its own
// profile and nothing else. ETIMEDOUT where some rank did not come: the world is abandoned.
class MpiReducer final : public profile::Reducer {
 public:
  explicit MpiReducer(World& world) : world_(world) {}
  Status Reduce(std::optional<profile::Profile>& profile, TimePoint deadline) override;

 private:
  Status MergeUp(std::optional<profile::Profile>& profile, TimePoint deadline);
  Status SendTo(Rank parent, const profile::Profile& profile, TimePoint deadline);

  World& world_;
};

}  // namespace copper::bootstrap
