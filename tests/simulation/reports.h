// What a job says of itself while ranks are killed and frozen: its status, the profile of all ranks, and who speaks for
// it. Each report is asked for once more when rank 0, and with it whoever spoke for the job, has been killed.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulation/checks.h"
#include "simulation/event_queue.h"
#include "simulation/node.h"
#include "simulation/random.h"

namespace copper::simulation {

class Reports {
 public:
  struct World {
    EventQueue& queue;
    Checks& checks;
    const tree::Forest& forest;
    std::vector<Node*> nodes;
    std::function<void(Rank)> on_killed;
  };
  // `lost`: ranks that are killed or frozen during each report.
  Reports(World world, uint32_t lost, uint64_t seed) : world_(std::move(world)), lost_(lost), random_(seed, 8) {}

  void Run();

  Duration status_in() const { return status_in_; }               // the longest
  Duration reduced_in() const { return reduced_in_; }             // likewise
  const std::vector<std::string>& told() const { return told_; }  // what went wrong meanwhile: a line each

 private:
  // What ranks are said to be, in one report.
  struct Said {
    std::multiset<Rank> there;    // have a row
    std::multiset<Rank> missing;  // are named as unreachable, or as missing
  };

  Rank FirstThatRuns() const;
  void AskAll(Rank leader);
  void Disturb(Rank leader);
  void Kill(Rank rank);
  void Freeze(Rank rank, Duration time);
  void RunUntil(TimePoint when);
  void CheckStatus(const std::optional<Json>& status);
  void CheckProfile(const std::optional<Result<profile::Profile>>& profile);
  void CheckRanks(const Said& said, Check check) const;
  bool IsBelowDisturbed(Rank rank) const;
  void CheckDeputies();
  void Tell(const std::string& what);

  World world_;
  const uint32_t lost_;
  Random random_;
  std::set<Rank> dead_;       // before the report was asked for
  std::set<Rank> disturbed_;  // meanwhile
  Duration status_in_{};
  Duration reduced_in_{};
  std::vector<std::string> told_;
};

}  // namespace copper::simulation
