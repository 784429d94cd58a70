#include "app/profiling.h"

#include <algorithm>

#include "copper/base/memory_limit.h"

namespace copper::app {
namespace {

using profile::Event;

int64_t Microseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

profile::TableUse UseOf(const cache::Usage& usage) {
  return {.entries = usage.entries, .bytes = usage.bytes, .evictions = usage.evictions};
}

// Paths are recorded in an eighth of what the cache may hold, beside it; in 16 MiB where that is more.
constexpr uint64_t kBytesPerPath = 256;
constexpr uint64_t kFewestPaths = 65'536;

void FillTables(profile::RankUse& row, cache::Cache& cache) {
  row.budget_bytes = cache.budget().limit();
  row.tables[static_cast<size_t>(profile::Table::kMetadata)] = UseOf(cache.metadata().usage());
  row.tables[static_cast<size_t>(profile::Table::kTree)] = UseOf(cache.listings().usage());
  row.tables[static_cast<size_t>(profile::Table::kData)] = UseOf(cache.data().usage());
}

void FillBytes(profile::RankUse& row, const profile::Counters& counters) {
  row.bytes_from_cache = counters.Get(Event::kBytesFromCache);
  row.bytes_from_parent = counters.Get(Event::kBytesFromParent);
  row.bytes_from_source = counters.Get(Event::kBytesFromSource);
  row.bytes_to_children = counters.Get(Event::kBytesToChildren);
}

void FillTimes(profile::RankUse& row, const ProfileParts& parts) {
  row.mpi_us = parts.timings.mpi_us;
  row.fabric_us = parts.timings.fabric_us;
  row.mount_us = parts.timings.mount_us;
  row.serving_us = parts.timings.serving_us;
  row.registration_us = Microseconds(parts.registration);
  row.uptime_us = static_cast<uint64_t>(Microseconds(parts.uptime));
}

profile::RankUse RowOf(const ProfileParts& parts) {
  const Rank rank = parts.who.rank;
  profile::RankUse row;
  row.rank = rank;
  row.host = parts.who.host;
  row.pid = static_cast<uint32_t>(parts.who.pid);
  row.address = parts.who.address;
  if (const auto parent = parts.forest.Parent(rank, 0)) row.parent = *parent;
  row.depth = parts.forest.Depth(rank, 0);
  row.memory_peak_bytes = PeakMemoryBytes();
  FillTimes(row, parts);
  FillBytes(row, parts.counters);
  FillTables(row, parts.cache);
  return row;
}

}  // namespace

std::unique_ptr<profile::Recorder> MakeRecorder(const Options& options, uint64_t budget_bytes, const Clock& clock) {
  if (!options.IsProfiling()) return nullptr;
  profile::Recorder::Options recorded;
  recorded.top_n = options.profile_top_n;
  recorded.paths_full = options.profile_paths_full;
  recorded.most_paths = std::max<uint64_t>(kFewestPaths, budget_bytes / 8 / kBytesPerPath);
  return std::make_unique<profile::Recorder>(recorded, clock);
}

profile::Profile OwnProfile(ProfileParts parts) {
  profile::Profile profile;
  profile.tag = std::move(parts.tag);
  profile.target = std::move(parts.target);
  profile.job_ranks = parts.forest.ranks();
  if (parts.recorder != nullptr) parts.recorder->Fill(profile);
  for (size_t i = 0; i < profile::kEvents; ++i) profile.events[i] = parts.counters.Get(static_cast<Event>(i));
  profile.ranks.push_back(RowOf(parts));
  return profile;
}

}  // namespace copper::app
