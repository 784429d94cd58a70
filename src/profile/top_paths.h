// The paths with the most events, in bounded memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient
// Computation of Frequent and Top-k Elements in Data Streams, 2005), merged as in Agarwal et al.: Mergeable Summaries,
// 2012.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "copper/profile/profile.h"

namespace copper::profile {

// How many paths are kept for the best `top_n`: many more, since what a path may have been overcounted by is the events
// over that number. A thousand of them are 200 KB in each thread.
constexpr size_t TopCapacity(uint32_t top_n) {
  return top_n == 0 ? 0 : std::max<size_t>(1024, size_t{8} * top_n);
}

// Most events first.
void SortTop(std::vector<TopPath>& rows);

// A path that only one side has may have had as many events on the other as that one's least, if it is full. The result
// keeps at most TopCapacity(top_n).
void MergeTop(std::vector<TopPath>& into, std::vector<TopPath> other, uint32_t top_n);

}  // namespace copper::profile
