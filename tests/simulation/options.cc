#include "simulation/options.h"

#include <fmt/format.h>

#include <map>

#include "copper/jobdir/command_line.h"

namespace copper::simulation {
namespace {

const std::map<std::string, WorkloadKind>& Workloads() {
  static const std::map<std::string, WorkloadKind> kWorkloads = {{"import", WorkloadKind::kImport},
                                                                 {"find", WorkloadKind::kFind},
                                                                 {"large", WorkloadKind::kLarge},
                                                                 {"absent", WorkloadKind::kAbsent},
                                                                 {"trace", WorkloadKind::kTrace}};
  return kWorkloads;
}

// Of --random: beyond that a start takes longer than the rest.
constexpr uint32_t kMostStarted = 200;
// Likewise: a reduction gives each level 2 s less than the one above it, of 56 (src/job/rpc_reducer.cc).
constexpr uint32_t kDeepestReported = 24;

// What CLI11 fills, before it is turned into options.
struct Raw {
  std::string workload = "import";
  std::string fabric = "slingshot";
  std::string source = "lustre";
  std::string faults;
  uint64_t mebibytes = 200;
  uint64_t budget_mebibytes = 0;
  uint32_t read_kibibytes = 128;
  int64_t ttl_ms = 2000;
  int64_t within_ms = 2000;
  int log_level = 0;
};

void DefineJob(CommandLine& line, CommandOptions& options, Raw& raw) {
  RunOptions& run = options.run;
  line.add_option("--nodes", run.nodes, "Ranks")->check(CLI::Range(1, 200'000))->capture_default_str();
  line.add_option("--processes", run.processes, "Of the workload, on each node")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  line.add_option("--cores", run.cores, "All nodes are on one machine of so many; 0: each has enough of its own")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  line.add_option("--fanout", run.fanout, "As of cu_fuse")->check(CLI::Range(1, 64))->capture_default_str();
  line.add_option("--trees", run.trees, "As of cu_fuse; 0: its default")->capture_default_str();
  line.add_option("--source-ops", run.source_ops, "As of cu_fuse; 0: its default")->capture_default_str();
  line.add_option("--cache-budget-mib", raw.budget_mebibytes, "As of cu_fuse; 0: unlimited")->capture_default_str();
  line.add_option("--md-enoent-ttl-ms", raw.ttl_ms, "As of cu_fuse")->capture_default_str();
}

void DefineModels(CommandLine& line, Raw& raw) {
  line.add_option("--fabric", raw.fabric, "slingshot or tcp")->capture_default_str();
  line.add_option("--source", raw.source, "lustre, slow or memory")->capture_default_str();
  line.add_option("--faults", raw.faults,
                  "Kinds, separated by commas: kill, freeze, slow, delay, reset, stall, error, replace; or all");
}

void DefineWorkload(CommandLine& line, CommandOptions& options, Raw& raw) {
  line.add_option("--workload", raw.workload, "import, find, large, absent or trace")->capture_default_str();
  line.add_option("--files", options.import.files, "Of an import or a find")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  line.add_option("--mib", raw.mebibytes, "Of all files together; of the one file of large")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  line.add_option("--names", options.absent_names, "Of absent")->capture_default_str();
  line.add_option("--think", options.run.kernel.think,
                  "Times the pauses of the workload: more where processes share cores")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  line.add_option("--read-kib", raw.read_kibibytes,
                  "Of one read of the kernel: 1024 where root has raised its read-ahead")
      ->check(CLI::Range(4, 1024))
      ->capture_default_str();
  line.add_flag("--direct", options.run.is_direct, "Without Copper: each node asks the source itself, 1 MiB at a time");
  line.add_flag("--refresh", options.run.refreshes, "Refreshes / when the workload is done");
  line.add_flag("--start", options.run.starts,
                "First ranks exchange what they have, as bootstrap does: costs the square of --nodes");
  line.add_flag("--reports", options.run.reports,
                "Then the job is asked for its status and its profile, and once more when rank 0 is dead");
  line.add_option("--lost-in-reports", options.run.lost_in_reports, "Ranks that are killed or frozen meanwhile")
      ->capture_default_str();
  line.add_option("--trace", options.trace, "Recorded by record.py");
}

void DefineRuns(CommandLine& line, CommandOptions& options, Raw& raw) {
  line.add_option("--seed", options.run.seed, "Decides everything that is drawn")->capture_default_str();
  line.add_option("--seeds", options.seeds, "Runs with so many seeds, from --seed on")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  line.add_flag("--random", options.is_random, "Each seed decides the size of the job, its shape and its faults, too");
  line.add_option("--most-nodes", options.most_nodes, "Of --random")
      ->check(CLI::Range(2, 100'000))
      ->capture_default_str();
  line.add_option("--fault-count", options.run.faults.count, "How many of --faults")->capture_default_str();
  line.add_option("--fault-window-ms", raw.within_ms, "They begin within this time")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  line.add_option("--log-level", raw.log_level, "Of all ranks, to stderr: as of cu_fuse")
      ->check(CLI::Range(0, 5))
      ->capture_default_str();
  line.add_flag("--json", options.json, "One line of JSON for each run");
  line.add_option(
      "--table", options.table,
      "Instead of one run: table.md and plots in this directory, of the workload and a file of 10 GiB, each "
      "through Copper and directly, on as many nodes as the next says");
  line.add_option("--table-nodes", options.table_nodes, "Separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 200'000))
      ->capture_default_str();
  line.add_option("--most-work", options.most_work,
                  "Runs of the table with more steps than so many millions, over all nodes, are left out")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
}

Status Take(const Raw& raw, CommandOptions& options) {
  const auto workload = Workloads().find(raw.workload);
  if (workload == Workloads().end()) return Fail(EINVAL, "--workload: there is no " + raw.workload);
  options.workload = workload->second;
  if ((options.workload == WorkloadKind::kTrace) == options.trace.empty()) {
    return Fail(EINVAL, "--workload trace and --trace belong together");
  }
  const auto fabric = FabricNamed(raw.fabric);
  if (!fabric) return Fail(EINVAL, "--fabric: there is no " + raw.fabric);
  const auto source = SourceNamed(raw.source);
  if (!source) return Fail(EINVAL, "--source: there is no " + raw.source);
  RunOptions& run = options.run;
  run.fabric = *fabric;
  run.source = *source;
  if (run.trees > run.nodes)
    return Fail(EINVAL, fmt::format("--trees {} is over the number of nodes, {}", run.trees, run.nodes));
  if (raw.budget_mebibytes != 0) run.cache_budget = raw.budget_mebibytes << 20;
  if (raw.ttl_ms < -1) return Fail(EINVAL, "--md-enoent-ttl-ms: -1 or more");
  run.absent_ttl = raw.ttl_ms < 0 ? Duration::max() : Duration(milliseconds(raw.ttl_ms));
  run.log_level = static_cast<LogLevel>(raw.log_level);
  options.import.bytes = options.large_bytes = raw.mebibytes << 20;
  run.kernel.read_bytes = run.is_direct ? uint32_t{1} << 20 : raw.read_kibibytes << 10;
  if (!options.table.empty() && (options.is_random || options.seeds > 1 || run.is_direct)) {
    return Fail(EINVAL, "--table goes with none of --random, --seeds and --direct");
  }
  run.faults.within = milliseconds(raw.within_ms);
  if (raw.faults.empty()) return {};
  const auto kinds = ParseFaults(raw.faults);
  if (!kinds) return Fail(EINVAL, "--faults: there is no such kind in " + raw.faults);
  run.faults.kinds = *kinds;
  if (run.faults.count == 0) run.faults.count = 1;
  return {};
}

}  // namespace

Result<CommandOptions> ParseCommand(const std::vector<std::string>& arguments) {
  CommandLine line("Runs a whole job of Copper in simulated time (tests/simulation/README.md)", "copper_simulate");
  CommandOptions options;
  Raw raw;
  DefineJob(line, options, raw);
  DefineModels(line, raw);
  DefineWorkload(line, options, raw);
  DefineRuns(line, options, raw);
  try {
    line.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Fail(ECANCELED, line.help());
  } catch (const CLI::ParseError& error) {
    return Fail(EINVAL, error.what());
  }
  if (const Status taken = Take(raw, options); !taken) return std::unexpected(taken.error());
  return options;
}

CommandOptions Drawn(const CommandOptions& options, uint64_t seed) {
  CommandOptions drawn = options;
  drawn.run.seed = seed;
  if (!std::exchange(drawn.is_random, false)) return drawn;
  Random random(seed, 7);
  RunOptions& run = drawn.run;
  // As many small jobs as large ones, whatever the most is.
  run.nodes = 2 + static_cast<uint32_t>(std::pow(options.most_nodes - 1, random.Unit())) - 1;
  run.processes = 1 + static_cast<uint32_t>(random.Below(4));
  run.fanout = 1 + static_cast<uint32_t>(random.Below(8));
  run.trees = 1 + static_cast<uint32_t>(random.Below(std::min(run.nodes, 32U)));
  run.source_ops = 0;
  run.fabric = random.Happens(0.5) ? kSlingshotFabric : kTcpFabric;
  run.source = random.Happens(0.7) ? kLustreSource : kSlowSource;
  if (random.Happens(0.3)) run.cache_budget = (16 + random.Below(200)) << 20;
  drawn.workload = random.Happens(0.8) ? WorkloadKind::kImport : WorkloadKind::kLarge;
  drawn.import = {.files = 20 + static_cast<uint32_t>(random.Below(200)), .bytes = (1 + random.Below(100)) << 20};
  drawn.large_bytes = (1 + random.Below(64)) << 20;
  run.faults.kinds = ParseFaults("all").value_or(std::vector<Fault>{});
  run.faults.count = static_cast<uint32_t>(random.Below(6));
  run.starts = run.nodes <= kMostStarted && random.Happens(0.3);
  run.reports = tree::Forest(run.nodes, run.fanout, 1).MaxDepth() <= kDeepestReported && random.Happens(0.5);
  run.lost_in_reports = run.reports ? static_cast<uint32_t>(random.Below(5)) : 0;
  return drawn;
}

std::string CommandOf(const CommandOptions& options) {
  const RunOptions& run = options.run;
  std::string command = fmt::format(
      "copper_simulate --seed {} --nodes {} --processes {} --fanout {} --trees {} --source-ops {} --fabric {} --source "
      "{} --files {}",
      run.seed, run.nodes, run.processes, run.fanout, run.trees, run.source_ops, run.fabric.name, run.source.name,
      options.import.files);
  const bool is_large = options.workload == WorkloadKind::kLarge;
  command += fmt::format(" --mib {}", (is_large ? options.large_bytes : options.import.bytes) >> 20);
  for (const auto& [name, kind] : Workloads()) {
    if (kind == options.workload) command += " --workload " + name;
  }
  if (options.workload == WorkloadKind::kAbsent) command += fmt::format(" --names {}", options.absent_names);
  if (!options.trace.empty()) command += " --trace " + options.trace;
  if (run.is_direct) command += " --direct";
  if (run.refreshes) command += " --refresh";
  if (run.starts) command += " --start";
  if (run.reports) command += fmt::format(" --reports --lost-in-reports {}", run.lost_in_reports);
  if (run.cores != 0) command += fmt::format(" --cores {}", run.cores);
  if (!run.is_direct && run.kernel.read_bytes != KernelModel{}.read_bytes) {
    command += fmt::format(" --read-kib {}", run.kernel.read_bytes >> 10);
  }
  if (run.kernel.think != 1) command += fmt::format(" --think {}", run.kernel.think);
  if (run.cache_budget != UINT64_MAX) command += fmt::format(" --cache-budget-mib {}", run.cache_budget >> 20);
  if (run.absent_ttl != Duration(seconds(2))) {
    const bool is_forever = run.absent_ttl == Duration::max();
    command += fmt::format(" --md-enoent-ttl-ms {}",
                           is_forever ? -1 : std::chrono::duration_cast<milliseconds>(run.absent_ttl).count());
  }
  if (run.faults.count == 0) return command;
  std::string kinds;
  for (const Fault kind : run.faults.kinds) kinds += (kinds.empty() ? "" : ",") + std::string(Name(kind));
  return command + fmt::format(" --faults {} --fault-count {} --fault-window-ms {}", kinds, run.faults.count,
                               std::chrono::duration_cast<milliseconds>(run.faults.within).count());
}

Result<Workload> MakeWorkload(const CommandOptions& options) {
  switch (options.workload) {
    case WorkloadKind::kImport:
      return MakeImport(options.import, options.run.seed);
    case WorkloadKind::kFind:
      return MakeFind(options.import, options.run.seed);
    case WorkloadKind::kLarge:
      return MakeLarge(options.large_bytes);
    case WorkloadKind::kAbsent:
      return MakeAbsent(options.absent_names);
    case WorkloadKind::kTrace:
      break;
  }
  return ReadTrace(options.trace);
}

}  // namespace copper::simulation
