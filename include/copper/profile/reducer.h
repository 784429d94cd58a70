// How the profiles of all ranks become one. Two carriers: MPI, when a whole job ends (bootstrap), and the rpc tree
// while the job is running and after a loss (app). Both merge pairwise up a tree, piece by piece (profile_stream.h), so
// that no rank holds more than twice the distinct paths.
#pragma once

#include <optional>

#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

class Reducer {
 public:
  virtual ~Reducer() = default;
  // `mine` merged with those of all ranks below this one; at the root, of the job: elsewhere nothing, once all of it
  // has been handed on. Blocks at most until `deadline`, then ETIMEDOUT; what has come by then is lost for the whole,
  // and each rank that knows of it keeps its own (profile_file.h: rank-<r>.h5).
  virtual Result<std::optional<Profile>> Reduce(Profile mine, TimePoint deadline) = 0;
};

}  // namespace copper::profile
