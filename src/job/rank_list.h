// Ranks in the payload of a message: 4 bytes each, little endian (src/wire/README.md); as many as fit.
#pragma once

#include <algorithm>
#include <ranges>
#include <span>
#include <vector>

#include "copper/base/bytes.h"
#include "copper/base/cursor.h"
#include "copper/base/ids.h"

namespace copper::job {

template <std::ranges::sized_range Ranks>
std::vector<std::byte> PackRanks(const Ranks& ranks, size_t most_bytes) {
  const size_t count = std::min(std::ranges::size(ranks), most_bytes / sizeof(Rank));
  std::vector<std::byte> packed(count * sizeof(Rank));
  Writer writer(packed.data());
  for (const Rank rank : ranks | std::views::take(count)) writer.Add(rank);
  return packed;
}

// Without those that are none of the job's `all_ranks`.
inline std::vector<Rank> UnpackRanks(std::span<const std::byte> packed, uint32_t all_ranks) {
  std::vector<Rank> ranks;
  for (Reader reader(packed); reader.left() >= sizeof(Rank);) {
    if (const auto rank = reader.Take<Rank>(); rank < all_ranks) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace copper::job
