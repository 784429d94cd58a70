// How --source-ops is shared out: how many operations each rank may have on the source at once.
//
// One half is for the roots of trees, the other for what every rank reads beside them: in place of a lost parent, and
// of files too large to cache. The halves do not lend to each other, and no rank asks another for leave: that is what
// keeps the bound when ranks are lost. Everybody has at least one, so that nobody is ever stuck, and at most
// kMostThreads, since each takes a thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "copper/base/clock.h"

namespace copper::storage {

// The default, for each tree. Its half, 16 reads at once by a root, hides the latency of a parallel file system, where
// a cold read takes milliseconds, without a lone root asking more of it than a single busy node does today.
inline constexpr uint32_t kSourceOpsPerTree = 32;

inline constexpr size_t kMostThreads = 256;

// An operation that takes this long is stuck in a part of the source that does not answer: others get their turn, as
// they would of a client of the source, until this many times a pool's threads are stuck.
inline constexpr Duration kStuckAfter = std::chrono::seconds(10);
inline constexpr size_t kMostStuck = 8;
// Of what is a node's alone; no share of anything.
inline constexpr size_t kLocalThreads = 16;

struct SourceShare {
  size_t root;    // for the tree that is rooted at a rank
  size_t detour;  // for what a rank reads beside
  bool operator==(const SourceShare&) const = default;
};

// What is open at most while the source answers: a look at a name and a listing may have two directories open, and
// large files are kept for their next chunk.
inline constexpr uint64_t kMostKeptOpen = 32;
inline uint64_t OpenFilesOf(const SourceShare& share) {
  return 2 * (share.root + share.detour + kLocalThreads) + kMostKeptOpen;
}

inline SourceShare ShareOut(uint32_t source_ops, uint32_t trees, uint32_t ranks) {
  const uint32_t detours = source_ops / 2;
  const uint32_t roots = source_ops - detours;
  return {std::clamp<size_t>(roots / trees, 1, kMostThreads), std::clamp<size_t>(detours / ranks, 1, kMostThreads)};
}

}  // namespace copper::storage
