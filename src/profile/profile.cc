#include "copper/profile/profile.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "top_paths.h"

namespace copper::profile {

std::string_view Name(Table table) {
  static constexpr std::string_view kNames[] = {"md", "tree", "data"};
  static_assert(std::size(kNames) == kTables);
  return kNames[static_cast<size_t>(table)];
}

std::string_view Name(TopKind kind) {
  static constexpr std::string_view kNames[] = {"metadata", "data", "negative_ttl"};
  static_assert(std::size(kNames) == kTopKinds);
  return kNames[static_cast<size_t>(kind)];
}

void OperationUse::Merge(const OperationUse& other) {
  calls += other.calls;
  hits += other.hits;
  misses += other.misses;
  coalesced += other.coalesced;
  negative += other.negative;
  errors += other.errors;
  latency.Merge(other.latency);
}

std::vector<Rank> Profile::Missing() const {
  std::vector<Rank> missing;
  auto row = ranks.begin();
  for (Rank rank = 0; rank < job_ranks; ++rank) {
    while (row != ranks.end() && row->rank < rank) ++row;
    if (row == ranks.end() || row->rank != rank) missing.push_back(rank);
  }
  return missing;
}

void MergeHead(Profile& into, Profile& other) {
  into.job_ranks = std::max(into.job_ranks, other.job_ranks);
  for (size_t i = 0; i < kOperations; ++i) into.operations[i].Merge(other.operations[i]);
  std::ranges::transform(into.events, other.events, into.events.begin(), std::plus<>());
  std::ranges::move(other.ranks, std::back_inserter(into.ranks));
  std::ranges::sort(into.ranks, {}, &RankUse::rank);  // inplace_merge takes what clang calls deprecated
  for (size_t kind = 0; kind < kTopKinds; ++kind) MergeTop(into.top[kind], std::move(other.top[kind]), into.top_n);
}

void Merge(Profile& into, Profile other) {
  MergeHead(into, other);
  PathCursor paths([&other] { return other.paths.TakePiece(); });
  [[maybe_unused]] const Status merged = Merge(into.paths, paths);  // pieces of this process cannot fail
}

}  // namespace copper::profile
