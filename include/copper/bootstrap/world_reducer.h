// The reduction over the world in which all ranks meet, at the end of a job that no rank was lost of. Collective.
#pragma once

#include "copper/bootstrap/world.h"
#include "copper/profile/reducer.h"

namespace copper::bootstrap {

// Up the binary heap tree of all ranks, to rank 0; all ranks return together, or fail, and then each has its own
// profile and nothing else. ETIMEDOUT where some rank did not come: the world is abandoned.
class WorldReducer final : public profile::Reducer {
 public:
  explicit WorldReducer(World& world) : world_(world) {}
  Status Reduce(std::optional<profile::Profile>& profile, TimePoint deadline) override;

 private:
  Status MergeUp(std::optional<profile::Profile>& profile, TimePoint deadline);
  Status SendTo(Rank parent, const profile::Profile& profile, TimePoint deadline);

  World& world_;
};

}  // namespace copper::bootstrap
