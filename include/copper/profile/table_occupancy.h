// How full the three tables are: one file a table, `<table>_cache_size.output`. Rank 0 writes them into tables/final/
// at the end of a job, `copper cache-usage` while it is running; `copper cache-usage` reads them.
//
//   rank host entries used_bytes budget_bytes
//   0 node001 1025 70296558 8589934592
//   +612 - 627000 43020000000 5257039970304
//
// One line a rank. A line whose rank is `+N` is the sum of N ranks that are not listed one by one. The budget is that
// of all three tables of the rank together; 0 where there is none.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::profile {

struct Occupancy {
  uint32_t ranks = 1;  // more than one: a sum
  Rank rank = 0;       // of one rank
  std::string host;    // likewise
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t budget_bytes = 0;
  bool operator==(const Occupancy&) const = default;
};

std::string OccupancyFileName(Table table);  // "data_cache_size.output", "tree_...", "md_..."

std::vector<Occupancy> OccupancyOf(Table table, std::span<const RankUse> ranks);
std::string FormatOccupancy(const std::vector<Occupancy>& rows);
// EBADMSG, with the number of the line, where it is no such file.
Result<std::vector<Occupancy>> ParseOccupancy(std::string_view text);

// All three files of a job into a folder, each through a rename; the folder is made.
Status WriteOccupancy(const std::string& directory, std::span<const RankUse> ranks);

}  // namespace copper::profile
