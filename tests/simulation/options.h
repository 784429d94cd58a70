// The command line of copper_simulate.
#pragma once

#include <string>
#include <vector>

#include "simulation/world.h"

namespace copper::simulation {

enum class WorkloadKind { kImport, kFind, kLarge, kAbsent, kTrace };

struct CommandOptions {
  RunOptions run;
  WorkloadKind workload = WorkloadKind::kImport;
  Import import;
  uint64_t large_bytes = uint64_t{512} << 20;
  uint32_t absent_names = 1000;
  std::string trace;
  uint32_t seeds = 1;      // runs with this many, from run.seed on
  bool is_random = false;  // each with a size, a shape and faults of its own, drawn from its seed
  uint32_t most_nodes = 64;
  bool json = false;
  std::string table;  // not empty: runs of table_nodes, as a table and plots in this directory
  std::vector<uint32_t> table_nodes = {1, 8, 64, 512, 1000, 4096, 10'000};
  double most_work = 6;  // of a run of the table: millions of steps over all nodes; those of more are left out
};

// EINVAL with one line that says what is wrong; ECANCELED with what was asked for, if that was help.
Result<CommandOptions> ParseCommand(const std::vector<std::string>& arguments);
// The same, without --random, for this seed of a command with it.
CommandOptions Drawn(const CommandOptions& options, uint64_t seed);
// How to run this once more.
std::string CommandOf(const CommandOptions& options);
Result<Workload> MakeWorkload(const CommandOptions& options);

}  // namespace copper::simulation
