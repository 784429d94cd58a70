#include "cache_tables.h"

#include <algorithm>

#include "copper/base/files.h"
#include "copper/base/log.h"

namespace copper::postproc {
namespace {

using profile::Occupancy;
using profile::Table;

const char* StatusName(Table table) {
  switch (table) {
    case Table::kMetadata:
      return "metadata";
    case Table::kTree:
      return "tree";
    default:
      return "data";
  }
}

// A number in an object in `json`; 0 where it is absent.
uint64_t Number(const Json& json, const char* group, const char* name) {
  const auto found = json.find(group);
  if (found == json.end() || !found->is_object()) return 0;
  const auto number = found->find(name);
  return number != found->end() && number->is_number_unsigned() ? number->get<uint64_t>() : 0;
}

Occupancy OccupancyIn(const Json& cache, Table table) {
  Occupancy row;
  row.entries = Number(cache, StatusName(table), "entries");
  row.bytes = Number(cache, StatusName(table), "bytes");
  row.budget_bytes = Number(cache, "budget", "limit_bytes");
  return row;
}

const Json* CacheIn(const Json& part) {
  if (!part.is_object()) return nullptr;
  const auto cache = part.find("cache");
  return cache != part.end() && cache->is_object() ? &*cache : nullptr;
}

bool AddRank(CacheTables& tables, const Json& rank) {
  const Json* cache = CacheIn(rank);
  const auto number = rank.find("rank");
  if (cache == nullptr || number == rank.end() || !number->is_number_unsigned()) return false;
  for (size_t i = 0; i < profile::kTables; ++i) {
    Occupancy row = OccupancyIn(*cache, static_cast<Table>(i));
    row.rank = number->get<Rank>();
    row.host = TextOf(rank, "host");
    tables.rows[i].push_back(std::move(row));
  }
  return true;
}

// A job of many ranks tells the sums alone: what is not listed by rank goes into one row.
void AddRest(CacheTables& tables, const Json& totals) {
  const Json* cache = CacheIn(totals);
  const auto ranks = totals.find("ranks");
  if (cache == nullptr || ranks == totals.end() || !ranks->is_number_unsigned()) return;
  for (size_t i = 0; i < profile::kTables; ++i) {
    std::vector<Occupancy>& rows = tables.rows[i];
    if (ranks->get<uint64_t>() <= rows.size()) continue;
    Occupancy rest = OccupancyIn(*cache, static_cast<Table>(i));
    rest.ranks = static_cast<uint32_t>(ranks->get<uint64_t>() - rows.size());
    for (const Occupancy& row : rows) {
      rest.entries -= std::min(rest.entries, row.entries);
      rest.bytes -= std::min(rest.bytes, row.bytes);
      rest.budget_bytes -= std::min(rest.budget_bytes, row.budget_bytes);
    }
    rows.push_back(rest);
  }
}

}  // namespace

Result<CacheTables> ReadCacheTables(const std::string& directory) {
  CacheTables tables;
  bool any = false;
  for (size_t i = 0; i < profile::kTables; ++i) {
    const std::string file = directory + "/" + OccupancyFileName(static_cast<Table>(i));
    const Result<std::string> text = ReadWholeFile(file);
    if (!text && text.error().code == ENOENT) continue;
    if (!text) return std::unexpected(text.error());
    Result<std::vector<Occupancy>> rows = profile::ParseOccupancy(*text);
    if (!rows) return Fail(EBADMSG, file + " " + rows.error().message);
    tables.rows[i] = std::move(*rows);
    any = true;
  }
  if (!any) return Fail(ENOENT, "there are no *_cache_size.output files in " + directory);
  return tables;
}

Result<CacheTables> CacheTablesOf(const Json& status) {
  CacheTables tables;
  if (status.is_object() && AddRank(tables, status)) return tables;
  const bool job = status.is_object() && status.contains("ranks") && status["ranks"].is_array() &&
                   status.contains("totals") && status["totals"].is_object();
  if (!job) return Fail(EBADMSG, "the job does not tell its status");
  for (const Json& rank : status["ranks"]) {
    if (!rank.is_object() || !AddRank(tables, rank)) return Fail(EBADMSG, "the status of a rank makes no sense");
  }
  for (std::vector<Occupancy>& rows : tables.rows) std::ranges::sort(rows, {}, &Occupancy::rank);
  AddRest(tables, status["totals"]);
  if (const auto lost = status["totals"].find("unreachable"); lost != status["totals"].end() && lost->is_array()) {
    for (const Json& rank : *lost) tables.unreachable.push_back(rank.dump());
  }
  return tables;
}

}  // namespace copper::postproc
