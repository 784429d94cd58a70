// The reduction over MPI, at the end of a job that no rank was lost of. Collective; the main thread alone.
#pragma once

#include "copper/bootstrap/world.h"
#include "copper/profile/reducer.h"

namespace copper::bootstrap {

// Up the binary heap tree of all ranks, to rank 0. A rank that does not come makes those above it fail, and the world
// is abandoned (World::Send).
class MpiReducer final : public profile::Reducer {
 public:
  explicit MpiReducer(World& world) : world_(world) {}
  Status Reduce(std::optional<profile::Profile>& profile, TimePoint deadline) override;

 private:
  Status SendTo(Rank parent, const profile::Profile& profile, TimePoint deadline);

  World& world_;
};

}  // namespace copper::bootstrap
