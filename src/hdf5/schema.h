// What stands in the HDF5 file of a profile: names, types, units and meanings, once, for the writer, the reader and the
// document (postproc/README.md, which a test compares with this).
//
// A table is an HDF5 dataset of compounds. Its columns are listed by one function, Columns(row, visitor), which calls
// visitor(item, member) for each in order: the visitor builds the HDF5 type, packs or unpacks a row, or prints.
// The type of a column follows from its member: unsigned and signed integers, fixed-length strings (as long as the
// longest of the file), and the enumeration of PathKind.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "copper/profile/profile.h"

namespace copper::hdf5 {

// What a file is made of.
using profile::Event;
using profile::kEvents;
using profile::kOperations;
using profile::kTables;
using profile::kTopKinds;
using profile::Latencies;
using profile::Name;
using profile::Operation;
using profile::OperationUse;
using profile::PathKind;
using profile::PathRun;
using profile::PathUse;
using profile::Profile;
using profile::RankUse;
using profile::TopPath;

}  // namespace copper::hdf5

namespace copper::hdf5::schema {

inline constexpr std::string_view kFormat = "Copper profile";  // attribute `format` of the root
inline constexpr uint32_t kVersion = 1;                        // attribute `schema_version` of the root
inline constexpr std::string_view kRootMeaning = "profile of a Copper job: postproc/README.md of Copper describes it";

// Of a dataset or a column. Names are C strings, as HDF5 takes them. An empty unit: it is no quantity.
struct Item {
  const char* name;
  const char* unit;
  const char* meaning;
};

inline constexpr Item kJob{"/job", "", "one row: which job this is, and what was recorded"};
inline constexpr Item kOperations{"/operations", "", "requests of the kernel, then those of children (peer_...)"};
inline constexpr Item kHistogram{"/latency_histogram", "1",
                                 "calls by latency: a row for each of /operations, a column for each bucket"};
inline constexpr Item kBounds{"/latency_bucket_ns", "ns", "the least latency that is in each bucket"};
inline constexpr Item kEvents{"/events", "", "what was counted, over all ranks"};
inline constexpr Item kRanks{"/ranks", "", "a row for each rank that was heard of"};
inline constexpr Item kMissing{"/missing_ranks", "", "ranks of the job that are in no row of /ranks"};
inline constexpr const char* kTopGroup = "/top";
inline constexpr std::array<Item, kTopKinds> kTop{
    Item{"/top/metadata", "", "paths with the most events of names and attributes, most first"},
    Item{"/top/data", "", "paths with the most reads, most first"},
    Item{"/top/negative_ttl", "", "absent paths with the most events, most first"}};
inline constexpr const char* kPathsGroup = "/paths";
inline constexpr Item kPathBytes{"/paths/path_bytes", "B",
                                 "all paths one after the other, in ascending order of bytes"};
inline constexpr Item kPathOffset{"/paths/path_offset", "B",
                                  "path i is path_bytes[path_offset[i]] up to path_offset[i + 1]: one more than paths"};

struct JobRow {
  std::string tag;
  std::string target;
  uint32_t ranks = 0;
  uint8_t metrics = 0;
  uint32_t top_n = 0;
  uint8_t paths_full = 0;
};
struct OperationRow {
  std::string operation;
  OperationUse use;
};
struct EventRow {
  std::string event;
  uint64_t count = 0;
};

template <class Visitor>
void Columns(JobRow& row, Visitor&& column) {
  column(Item{"tag", "", "final, or the tag of a snapshot"}, row.tag);
  column(Item{"target", "", "the source tree that the mounts mirrored: paths are relative to it"}, row.target);
  column(Item{"ranks", "1", "ranks that the job began with"}, row.ranks);
  column(Item{"metrics", "", "1: operations and latencies were recorded; 0: /operations is all zero"}, row.metrics);
  column(Item{"top_n", "1", "how many paths of each kind were asked for; 0: none were recorded"}, row.top_n);
  column(Item{"paths_full", "", "1: every path used is in /paths; 0: it is empty"}, row.paths_full);
}

template <class Visitor>
void Columns(OperationRow& row, Visitor&& column) {
  column(Item{"operation", "", "what was asked for"}, row.operation);
  column(Item{"calls", "1", "how often"}, row.use.calls);
  column(Item{"hits", "1", "answered from the rank's tables at once"}, row.use.hits);
  column(Item{"misses", "1", "something had to be asked of the parent or the source"}, row.use.misses);
  column(Item{"coalesced", "1", "waited for what somebody else had asked for already"}, row.use.coalesced);
  column(Item{"negative", "1", "answered: absent"}, row.use.negative);
  column(Item{"errors", "1", "answered with another errno"}, row.use.errors);
  column(Item{"latency_sum", "ns", "of all calls that were not interrupted"}, row.use.latency.sum_ns);
  column(Item{"latency_min", "ns", "the shortest; 0 where there are none"}, row.use.latency.min_ns);
  column(Item{"latency_max", "ns", "the longest"}, row.use.latency.max_ns);
}

template <class Visitor>
void Columns(EventRow& row, Visitor&& column) {
  column(Item{"event", "", "what happened"}, row.event);
  column(Item{"count", "1", "how often; where the name begins with bytes_: how many bytes"}, row.count);
}

inline constexpr std::array<std::array<Item, 3>, kTables> kTableColumns{
    std::array{Item{"md_entries", "1", "names and listings in the metadata table"},
               Item{"md_bytes", "B", "what they take"}, Item{"md_evictions", "1", "taken out to make room"}},
    std::array{Item{"tree_entries", "1", "entries of the tree table"}, Item{"tree_bytes", "B", "what they take"},
               Item{"tree_evictions", "1", "taken out to make room"}},
    std::array{Item{"data_entries", "1", "chunks in the data table"}, Item{"data_bytes", "B", "what they take"},
               Item{"data_evictions", "1", "taken out to make room"}}};

template <class Visitor>
void Columns(RankUse& row, Visitor&& column) {
  column(Item{"rank", "", "position in MPI_COMM_WORLD"}, row.rank);
  column(Item{"host", "", "name of its node"}, row.host);
  column(Item{"pid", "", "process id there"}, row.pid);
  column(Item{"address", "", "of its fabric endpoint"}, row.address);
  column(Item{"parent", "", "rank of its parent in tree 0; -1: it is the root"}, row.parent);
  column(Item{"depth", "1", "levels above it in tree 0"}, row.depth);
  column(Item{"mpi", "us", "when MPI was there, since the process began"}, row.start.mpi_us);
  column(Item{"fabric", "us", "when the fabric was there, since the process began"}, row.start.fabric_us);
  column(Item{"mount", "us", "when the mount was there, since the process began"}, row.start.mount_us);
  column(Item{"serving", "us", "when it served requests, since the process began"}, row.start.serving_us);
  column(Item{"registration", "us", "how long the fabric provider took to be opened"}, row.registration_us);
  column(Item{"uptime", "us", "age of the process at the time of this profile"}, row.uptime_us);
  column(Item{"memory_peak", "B", "most resident memory it ever had (VmHWM)"}, row.memory_peak_bytes);
  column(Item{"budget", "B", "limit of all its tables together; 0: none is set"}, row.budget_bytes);
  column(Item{"bytes_from_cache", "B", "answered from its own tables"}, row.bytes_from_cache);
  column(Item{"bytes_from_parent", "B", "fetched from parents"}, row.bytes_from_parent);
  column(Item{"bytes_from_source", "B", "read from the source"}, row.bytes_from_source);
  column(Item{"bytes_to_children", "B", "sent to children"}, row.bytes_to_children);
  for (size_t i = 0; i < kTables; ++i) {
    column(kTableColumns[i][0], row.tables[i].entries);
    column(kTableColumns[i][1], row.tables[i].bytes);
    column(kTableColumns[i][2], row.tables[i].evictions);
  }
}

// Columns of /top/... and, each as a dataset of its own, of /paths.
template <class Visitor>
void Columns(PathUse& row, Visitor&& column) {
  column(Item{"kind", "", "what the path was found to be"}, row.kind);
  column(Item{"events", "1", "requests for it that reached Copper: not what the kernel's caches answered"}, row.events);
  column(Item{"hits", "1", "of these: answered from a rank's tables at once"}, row.hits);
  column(Item{"misses", "1", "of these: something had to be asked of the parent or the source"}, row.misses);
  column(Item{"negative", "1", "of these: answered: absent"}, row.negative);
  column(Item{"ttl_serves", "1", "of these: absences answered from a table"}, row.ttl_serves);
  column(Item{"bytes", "B", "given to readers"}, row.bytes);
}

template <class Visitor>
void Columns(TopPath& row, Visitor&& column) {
  column(Item{"path", "", "below the target; raw bytes, not always UTF-8"}, row.path);
  column(Item{"most_events", "1", "it had at most so many"}, row.events);
  column(Item{"excess", "1", "and at least most_events - excess: what the sketch may have counted of others"},
         row.excess);
  Columns(row.use, column);
}

}  // namespace copper::hdf5::schema
