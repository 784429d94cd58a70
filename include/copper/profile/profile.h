// What a rank has counted, and what several ranks have counted together: plain data, which is reduced over all ranks
// (reducer.h), written to a file and read again (profile_file.h). Merging two profiles adds what is counted, and
// keeps a row for each rank.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "copper/base/ids.h"
#include "copper/profile/counters.h"
#include "copper/profile/histogram.h"
#include "copper/profile/path_run.h"

namespace copper::profile {

inline constexpr size_t kOperations = static_cast<size_t>(Operation::kCount);
inline constexpr size_t kEvents = static_cast<size_t>(Event::kCount);

// Every call is a hit, a miss or a coalesced wait, or it needed nothing that could be cached. Negative answers and
// errors are among them.
struct OperationUse {
  uint64_t calls = 0;
  uint64_t hits = 0;       // answered from this rank's tables at once
  uint64_t misses = 0;     // something had to be asked of the parent or the source
  uint64_t coalesced = 0;  // waited for what somebody else had asked for already
  uint64_t negative = 0;   // answered: absent
  uint64_t errors = 0;     // answered with another errno
  Latencies latency;       // of all calls; without those that were cut off by an interrupt
  void Merge(const OperationUse& other);
  bool operator==(const OperationUse&) const = default;
};

enum class Table : uint8_t { kMetadata, kTree, kData, kCount };
inline constexpr size_t kTables = static_cast<size_t>(Table::kCount);
std::string_view Name(Table table);  // "md", "tree", "data"

struct TableUse {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t evictions = 0;
  bool operator==(const TableUse&) const = default;
};

// All tables of a rank, under their one budget.
struct CacheUse {
  uint64_t budget_bytes = 0;
  uint64_t held_bytes = 0;
  uint64_t evictions = 0;
  std::array<TableUse, kTables> tables{};
};

// When a rank had come how far, in microseconds since its process began.
struct StartTimings {
  int64_t mpi_us = 0, fabric_us = 0, mount_us = 0, serving_us = 0;
  bool operator==(const StartTimings&) const = default;
};

// What is said of each rank.
struct RankUse {
  Rank rank = 0;
  std::string host;
  uint32_t pid = 0;
  std::string address;
  int64_t parent = -1;  // in tree 0
  uint32_t depth = 0;   // likewise
  StartTimings start{};
  int64_t registration_us = 0;     // how long the provider took to be opened
  uint64_t uptime_us = 0;          // of its process, at the time of this profile
  uint64_t memory_peak_bytes = 0;  // VmHWM
  uint64_t budget_bytes = 0;       // of all tables together
  uint64_t bytes_from_cache = 0, bytes_from_parent = 0, bytes_from_source = 0, bytes_to_children = 0;
  std::array<TableUse, kTables> tables{};
  bool operator==(const RankUse&) const = default;
};

// The paths with the most events of a kind (top_paths.h makes and merges them).
enum class TopKind : uint8_t { kMetadata, kData, kNegativeTtl, kCount };
inline constexpr size_t kTopKinds = static_cast<size_t>(TopKind::kCount);
std::string_view Name(TopKind kind);  // "metadata", "data", "negative_ttl"

struct TopPath {
  std::string path;
  uint64_t events = 0;  // at most so many
  uint64_t excess = 0;  // at least events - excess: what the sketch may have counted of others
  PathUse use;          // since the path was last taken into the sketch
  bool operator==(const TopPath&) const = default;
};

struct Profile {
  std::string tag;     // "final", or that of a snapshot
  std::string target;  // the source tree that the mounts mirror: what paths are relative to
  uint32_t job_ranks = 0;
  // What was recorded; all ranks have the same settings.
  bool metrics = false;
  uint32_t top_n = 0;
  bool paths_full = false;

  std::array<OperationUse, kOperations> operations{};  // all zero without `metrics`
  std::array<uint64_t, kEvents> events{};              // always
  std::vector<RankUse> ranks;                          // by rank
  std::array<std::vector<TopPath>, kTopKinds> top;     // most events first
  PathRun paths;                                       // with `paths_full`

  bool IsOn() const { return metrics || top_n > 0 || paths_full; }
  // Ranks of the job that are in no row: lost, or not heard of in time. Paths that such a rank had used may be there.
  std::vector<Rank> Missing() const;
};

// Adds another part of the job. `paths` of both are merged piece by piece.
void Merge(Profile& into, Profile other);
// The best top_n of each kind alone: once nothing more will be merged.
void CutTop(Profile& profile);
// All but the paths, which are in `other` no more.
void MergeHead(Profile& into, Profile& other);

}  // namespace copper::profile
