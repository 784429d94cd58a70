// How full the tables of a job's ranks are, from wherever it is known, and the summary of it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "copper/base/result.h"
#include "copper/jobdir/json.h"
#include "copper/profile/table_occupancy.h"

namespace copper::postproc {

struct CacheTables {
  // By profile::Table; nullopt-like empty where there was no file of it.
  std::array<std::vector<profile::Occupancy>, profile::kTables> rows;
  std::vector<std::string> unreachable;  // ranks that did not answer
};

// From a directory of raw outputs. ENOENT where there is none of them.
Result<CacheTables> ReadCacheTables(const std::string& directory);

// From the status of a running job, or of one of its ranks (`copper status --json`). EBADMSG where it is neither.
Result<CacheTables> CacheTablesOf(const Json& status);

// A Markdown table, which is good to read as text too, and the same as CSV. With a budget (of all three tables
// together, so in the combined row alone) where a rank has one.
std::string CacheSummary(const CacheTables& tables, const std::string& from);
std::string CacheSummaryCsv(const CacheTables& tables);

}  // namespace copper::postproc
