#include "copper/job/rank_profile.h"

#include "copper/base/memory_limit.h"

namespace copper::job {
namespace {

using profile::Event;

int64_t Microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

void FillBytes(profile::RankUse& row, const profile::Counters& counters) {
  row.bytes_from_cache = counters.Get(Event::kBytesFromCache);
  row.bytes_from_parent = counters.Get(Event::kBytesFromParent);
  row.bytes_from_source = counters.Get(Event::kBytesFromSource);
  row.bytes_to_children = counters.Get(Event::kBytesToChildren);
}

profile::RankUse RowOf(const RankProfileParts& parts) {
  const Rank rank = parts.who.rank;
  profile::RankUse row;
  row.rank = rank;
  row.host = parts.who.host;
  row.pid = static_cast<uint32_t>(parts.who.pid);
  row.address = parts.who.address;
  if (const auto parent = parts.forest.Parent(rank, 0)) row.parent = *parent;
  row.depth = parts.forest.Depth(rank, 0);
  row.start = parts.timings;
  row.registration_us = Microseconds(parts.registration);
  row.uptime_us = static_cast<uint64_t>(Microseconds(parts.uptime));
  row.memory_peak_bytes = PeakMemoryBytes();
  row.budget_bytes = parts.cache.budget_bytes;
  row.tables = parts.cache.tables;
  FillBytes(row, parts.counters);
  return row;
}

}  // namespace

profile::Profile RankProfile(RankProfileParts parts) {
  profile::Profile profile;
  profile.tag = std::move(parts.tag);
  profile.target = std::move(parts.target);
  profile.job_ranks = parts.forest.ranks();
  if (parts.recorder != nullptr) parts.recorder->Fill(profile);
  for (size_t i = 0; i < profile::kEvents; ++i) profile.events[i] = parts.counters.Get(static_cast<Event>(i));
  profile.ranks.push_back(RowOf(parts));
  return profile;
}

}  // namespace copper::job
