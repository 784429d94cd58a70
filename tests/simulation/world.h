// A whole job: its nodes, their kernels, the fabric and the source, what goes wrong, and what must hold nevertheless.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "simulation/checks.h"
#include "simulation/cores.h"
#include "simulation/event_queue.h"
#include "simulation/fabric.h"
#include "simulation/faults.h"
#include "simulation/fibers.h"
#include "simulation/kernel.h"
#include "simulation/models.h"
#include "simulation/node.h"
#include "simulation/reports.h"
#include "simulation/source.h"
#include "simulation/workload.h"

namespace copper::simulation {

struct RunOptions {
  uint64_t seed = 1;
  uint32_t nodes = 16;
  uint32_t processes = 2;  // of the workload, on each node
  uint32_t cores = 0;      // all nodes are one machine, which has so many; 0: each has enough
  uint32_t fanout = 2;
  uint32_t trees = 0;       // 0: as the product has it by default
  uint32_t source_ops = 0;  // likewise
  uint64_t cache_budget = UINT64_MAX;
  Duration absent_ttl = seconds(2);
  Duration source_timeout = seconds(600);
  Duration most_time = std::chrono::hours(1);  // simulated: who is not done by then never will be
  FabricModel fabric = kSlingshotFabric;
  SourceModel source = kLustreSource;
  KernelModel kernel{};
  Duration start_within = milliseconds(100);  // all processes begin in this time
  Faults::Options faults{};
  bool starts = false;           // ranks exchange what they have, before anything else, as bootstrap does
  bool is_direct = false;        // without Copper: each node asks the source itself
  bool refreshes = false;        // all of the source, when the workload is done
  bool reports = false;          // after that the job is asked for its status and its profile, then without rank 0
  uint32_t lost_in_reports = 0;  // ranks that are killed or frozen meanwhile, each time
  LogLevel log_level = LogLevel::kNone;
  Mutation mutation = Mutation::kNone;
};

struct Report {
  uint64_t start_bytes = 0;            // that each rank receives at the start
  Duration until_done{};               // of the last process of the workload
  Duration median_done{};              // of a node's last process
  Duration refreshed_in{};             // until the rank that leads it knows that all have
  Duration status_in{}, reduced_in{};  // the longest, where it was asked for them
  Duration ended_in{};                 // from the order to end until the last rank has gone
  Duration simulated{};
  uint64_t events = 0;
  uint64_t digest = 0;
  SourceServer::Counts source;
  std::string most_asked;
  Traffic total, busiest;    // of a rank; busiest: by bytes sent
  uint64_t most_served = 0;  // requests of other ranks, by one rank
  double mean_served = 0;
  size_t most_peers = 0;
  uint64_t detours = 0, lost_parents = 0;
  uint64_t kernel_requests = 0;
  Duration longest_wait{};
  std::string longest_what;
  uint64_t most_held = 0;
  std::vector<std::string> faults;
  std::vector<std::string> failures;  // of checks; empty: all hold
};

class World {
 public:
  // `workload` is changed where files are replaced.
  World(const RunOptions& options, Workload& workload);
  ~World();

  // Once.
  Report Run();
  const Checks& checks() const { return checks_; }

 private:
  class Log;

  void RunStart();
  void AddNode(Rank rank);
  void Mutate();
  bool IsDone() const;
  void RunWorkload();
  void RunUntilIdle();
  void RunRefresh();
  void RunReports();
  void RunEnd();
  // False: there was nothing more to do.
  bool RunUntil(TimePoint when);
  void CheckAll(Report& report);
  void CheckOnce(const Report& report);
  void CheckWaits(const Report& report);
  Report Describe();

  const RunOptions options_;
  Workload& workload_;
  EventQueue queue_;
  Checks checks_{queue_};
  Fibers fibers_;
  Cores cores_;
  SourceServer source_;
  SimulatedFabric fabric_;
  tree::Forest forest_;
  tree::Forest alone_;  // of a mutation
  storage::FileSystems file_systems_;
  const wire::Keys keys_;
  std::unique_ptr<Log> log_;
  std::deque<Host> hosts_;
  std::vector<std::unique_ptr<SimulatedExecutor>> direct_;  // pools, without Copper
  std::vector<std::unique_ptr<Kernel>> kernels_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::unique_ptr<Faults> faults_;
  std::unique_ptr<Reports> reports_;
  uint64_t start_bytes_ = 0;
  Duration until_done_{};
  Duration refreshed_in_{};
  Duration ended_in_{};
  size_t most_peers_ = 0;
};

}  // namespace copper::simulation
