// The summary of `copper cache-usage`: a row for each table, and one for all of them.

#include <algorithm>
#include <cstdint>

#include "cache_tables.h"
#include "copper/base/log.h"
#include "text.h"

namespace copper::postproc {
namespace {

using profile::Occupancy;
using profile::Table;
using Row = std::vector<std::string>;

struct Sum {
  uint64_t ranks = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t budget_bytes = 0;
};

Sum SumOf(const std::vector<Occupancy>& rows) {
  Sum sum;
  for (const Occupancy& row : rows) {
    sum.ranks += row.ranks;
    sum.entries += row.entries;
    sum.bytes += row.bytes;
    sum.budget_bytes += row.budget_bytes;
  }
  return sum;
}

std::string LongName(Table table) {
  return table == Table::kMetadata ? "metadata" : std::string(Name(table));
}

Row RowOf(const std::string& name, const std::string& found, const Sum& sum) {
  return {name, found, std::to_string(sum.bytes), HumanBytes(sum.bytes), std::to_string(sum.entries)};
}

// The header, a row for each table, and the combined one. `nothing` stands where a row has no value.
std::vector<Row> Rows(const CacheTables& tables, const std::string& nothing) {
  std::vector<Row> rows = {{"Table", "Files Found", "Used Bytes", "Used Human", "Entries"}};
  Sum all;
  for (const Table table : {Table::kData, Table::kTree, Table::kMetadata}) {
    const Sum sum = SumOf(tables.rows[static_cast<size_t>(table)]);
    rows.push_back(RowOf(LongName(table), std::to_string(sum.ranks), sum));
    all.bytes += sum.bytes;
    all.entries += sum.entries;
    all.budget_bytes = std::max(all.budget_bytes, sum.budget_bytes);  // the same in each table
  }
  rows.push_back(RowOf("combined", nothing, all));
  if (all.budget_bytes == 0) return rows;
  for (Row& row : rows) row.insert(row.end(), {nothing, nothing, nothing});
  std::ranges::copy(Row{"Budget Bytes", "Budget Human", "Used of Budget"}, rows.front().end() - 3);
  std::ranges::copy(
      Row{std::to_string(all.budget_bytes), HumanBytes(all.budget_bytes), Percent(all.bytes, all.budget_bytes)},
      rows.back().end() - 3);
  return rows;
}

std::string AlignedTable(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    Row cells;
    for (size_t i = 0; i < row.size(); ++i)
      cells.push_back(i == 0 ? fmt::format("{:<{}}", row[i], widths[i]) : fmt::format("{:>{}}", row[i], widths[i]));
    text += MarkdownRow(cells) + "\n";
    if (&row != &rows.front()) continue;
    Row rule;
    for (size_t i = 0; i < widths.size(); ++i)
      rule.push_back(i == 0 ? std::string(widths[i], '-') : std::string(widths[i] - 1, '-') + ":");
    text += MarkdownRow(rule) + "\n";
  }
  return text;
}

}  // namespace

std::string CacheSummary(const CacheTables& tables, const std::string& from) {
  std::string text = "Cache usage of " + Escape(from) + "\n\n" + AlignedTable(Rows(tables, "-"));
  text +=
      "\nFiles Found is the number of ranks whose table is counted. The bytes are those that the budget of a rank "
      "bounds; one budget is for all three tables of a rank.\n";
  if (!tables.unreachable.empty())
    text += "Ranks that did not answer, and are in no count: " + Join(tables.unreachable, ", ") + "\n";
  return text;
}

std::string CacheSummaryCsv(const CacheTables& tables) {
  std::string csv;
  for (const Row& row : Rows(tables, "")) csv += CsvRow(row) + "\n";
  return csv;
}

}  // namespace copper::postproc
