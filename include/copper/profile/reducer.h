// How the profiles of all ranks become one. Two carriers: MPI, when a whole job ends (bootstrap/world_reducer.h), and
// rpc while the job is running and after a loss (copper/job/rpc_reducer.h). Both merge pairwise up a tree, piece by
// piece (profile_stream.h), so that no rank holds more than twice the distinct paths.
#pragma once

#include <optional>

#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

class Reducer {
 public:
  virtual ~Reducer() = default;
  // Before: what this rank has counted. After: what is still in this rank's hands alone: at the root all that could be
  // merged, elsewhere nothing once the next rank has it. Where that fails it is this rank's own and what it had merged
  // by then, to be kept in a file (profile_file.h). Blocks, at most until `deadline`: ETIMEDOUT.
  virtual Status Reduce(std::optional<Profile>& profile, TimePoint deadline) = 0;
};

}  // namespace copper::profile
