// copper_simulate: a whole job in one process and simulated time. Exit status 0: all that must hold did; 1: it did not,
// and how to run it again is said; 2: bad options.
#include <fmt/format.h>
#include <malloc.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "simulation/options.h"
#include "simulation/table.h"
#include "simulation/world.h"

namespace copper::simulation {
namespace {

double Seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

// Of this process, in KiB.
uint64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t peak = 0;
    if (word == "VmHWM:" && status >> peak) return peak;
  }
  return 0;
}

void Print(const CommandOptions& options, const Report& report) {
  const RunOptions& run = options.run;
  fmt::print("{}\n", CommandOf(options));
  for (const std::string& fault : report.faults) fmt::print("  fault at {}\n", fault);
  if (run.starts) {
    fmt::print("  start: a rank receives {} bytes, {:.0f} for each\n", report.start_bytes,
               static_cast<double>(report.start_bytes) / run.nodes);
  }
  if (run.refreshes) fmt::print("  refreshed in {:.3f} s\n", Seconds(report.refreshed_in));
  if (run.reports) {
    fmt::print("  status within {:.3f} s, profile within {:.3f} s\n", Seconds(report.status_in),
               Seconds(report.reduced_in));
  }
  fmt::print("  done: {:.3f} s (median node {:.3f} s); end of the job: {:.3f} s; longest wait {:.3f} s ({})\n",
             Seconds(report.until_done), Seconds(report.median_done), Seconds(report.ended_in),
             Seconds(report.longest_wait), report.longest_what);
  fmt::print(
      "  source: {} operations, {} objects, {} calls again, {} at once at most, {:.1f} MiB; longest call {:.3f} s\n",
      report.source.operations, report.source.objects, report.source.again, report.source.most_at_once,
      static_cast<double>(report.source.bytes) / 0x1p20, Seconds(report.source.longest));
  fmt::print(
      "  a rank: {:.0f} messages, {:.1f} MiB sent; the busiest sends {:.1f} MiB, serves {} requests (mean {:.0f}), its "
      "fabric thread is busy for {:.3f} s\n",
      static_cast<double>(report.total.messages_sent) / run.nodes,
      static_cast<double>(report.total.bytes_sent) / 0x1p20 / run.nodes,
      static_cast<double>(report.busiest.bytes_sent) / 0x1p20, report.most_served, report.mean_served,
      Seconds(report.busiest.busy));
  fmt::print("  {} requests of kernels; {} detours, {} times a parent was lost; {} peers at most\n",
             report.kernel_requests, report.detours, report.lost_parents, report.most_peers);
  fmt::print("  {} events in {:.3f} s of simulated time, hash {:016x}; peak memory {:.0f} MiB\n", report.events,
             Seconds(report.simulated), report.digest, static_cast<double>(PeakMemory()) / 1024);
}

void PrintJson(const CommandOptions& options, const Report& report) {
  fmt::print(
      "{{\"seed\": {}, \"nodes\": {}, \"done_s\": {:.6f}, \"median_done_s\": {:.6f}, \"refresh_s\": {:.6f}, \"end_s\": "
      "{:.6f}, "
      "\"longest_wait_s\": {:.6f}, ",
      options.run.seed, options.run.nodes, Seconds(report.until_done), Seconds(report.median_done),
      Seconds(report.refreshed_in), Seconds(report.ended_in), Seconds(report.longest_wait));
  fmt::print("\"source_operations\": {}, \"objects\": {}, \"calls_again\": {}, \"most_at_once\": {}, ",
             report.source.operations, report.source.objects, report.source.again, report.source.most_at_once);
  fmt::print("\"messages\": {}, \"bytes\": {}, \"busiest_bytes\": {}, \"most_served\": {}, \"mean_served\": {:.1f}, ",
             report.total.messages_sent, report.total.bytes_sent, report.busiest.bytes_sent, report.most_served,
             report.mean_served);
  fmt::print("\"detours\": {}, \"events\": {}, \"hash\": \"{:016x}\", \"failures\": {}, \"peak_kib\": {}}}\n",
             report.detours, report.events, report.digest, report.failures.size(), PeakMemory());
}

// Whether all held; nullopt: there is no such workload.
Result<bool> RunOne(const CommandOptions& options) {
  Result<Workload> workload = MakeWorkload(options);
  if (!workload) return std::unexpected(workload.error());
  Report report;
  {
    World world(options.run, *workload);
    report = world.Run();
  }
  if (options.json) {
    PrintJson(options, report);
  } else {
    Print(options, report);
  }
  for (const std::string& failure : report.failures) fmt::print(stderr, "FAILED {}\n", failure);
  if (!report.failures.empty()) fmt::print(stderr, "  again: {}\n", CommandOf(options));
  std::fflush(stdout);
  return report.failures.empty();
}

// The directory first: it may be that nothing can be written there.
int MakeTable(const CommandOptions& options) {
  Status written = WriteTable({}, options.table);
  Table table;
  if (written) {
    table = RunTable(options);
    written = WriteTable(table, options.table);
  }
  if (!written) {
    fmt::print(stderr, "copper_simulate: {}\n", written.error().message);
    return 2;
  }
  return table.all_hold ? 0 : 1;
}

int Run(const std::vector<std::string>& arguments) {
  const Result<CommandOptions> options = ParseCommand(arguments);
  if (!options && options.error().code == ECANCELED) {
    fmt::print("{}", options.error().message);
    return 0;
  }
  if (!options) {
    fmt::print(stderr, "copper_simulate: {}\n", options.error().message);
    return 2;
  }
  if (!options->table.empty()) return MakeTable(*options);
  uint32_t failed = 0;
  for (uint32_t number = 0; number < options->seeds; ++number) {
    const Result<bool> holds = RunOne(Drawn(*options, options->run.seed + number));
    if (!holds) {
      fmt::print(stderr, "copper_simulate: {}\n", holds.error().message);
      return 2;
    }
    if (!*holds) ++failed;
  }
  if (options->seeds > 1) fmt::print("{} of {} runs failed\n", failed, options->seeds);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace copper::simulation

int main(int count, char** arguments) {
  return copper::simulation::Run({arguments + 1, arguments + count});
}
