// A job of growing size, as a table and as plots: `copper_simulate --table DIRECTORY`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "simulation/options.h"

namespace copper::simulation {

// One size of the job. nullopt: that run was left out, as it would take too long.
struct TableRow {
  uint32_t nodes = 1;
  std::optional<Report> import, import_direct;  // the workload of the command
  std::optional<Report> large, large_direct;    // a file of kTableLarge, to every node
};
inline constexpr uint64_t kTableLarge = uint64_t{10} << 30;

// Runs all of them, says each on stdout when it is done, and what did not hold on stderr.
struct Table {
  std::vector<TableRow> rows;
  bool all_hold = true;
};
Table RunTable(const CommandOptions& options);

std::string Markdown(const Table& table);
// table.md and the plots. EINVAL with what can't be written.
Status WriteTable(const Table& table, const std::string& directory);

}  // namespace copper::simulation
