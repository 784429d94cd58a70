// The ranks that may speak for the job, in the order in which they do: rank 0, then its deputies.
#pragma once

#include <bit>
#include <vector>

#include "copper/base/ids.h"

namespace copper::job {

// A job can be found through its directory as long as one of these lives. Deputies are as many as log2 of the ranks,
// and evenly spaced up to the last one: what takes neighbouring ranks (a rack, a switch) leaves some.
inline std::vector<Rank> FirstRanks(uint32_t ranks) {
  std::vector<Rank> firsts{0};
  const auto deputies = static_cast<uint64_t>(std::bit_width(ranks)) - 1;
  for (uint64_t number = 1; number <= deputies; ++number) {
    firsts.push_back(static_cast<Rank>(number * ranks / deputies - 1));
  }
  return firsts;
}

}  // namespace copper::job
