// The start of a job, as far as its ranks tell each other what they have: members, identity, address book, addresses
// and timings, by the product's code (copper/bootstrap), in a world in memory. Each rank is a fiber. What the exchange
// costs in time is not simulated.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "copper/bootstrap/address_book.h"
#include "copper/bootstrap/members.h"
#include "copper/bootstrap/world.h"
#include "fakes/memory_world.h"
#include "simulation/checks.h"
#include "simulation/event_queue.h"
#include "simulation/fabric.h"
#include "simulation/fibers.h"
#include "simulation/wakeups.h"

namespace copper::simulation {

class Start {
 public:
  struct World {
    EventQueue& queue;
    Fibers& fibers;
    Checks& checks;
    SimulatedFabric& fabric;
    std::deque<Host>& hosts;
    std::string mount_digest;
    JobIdentity identity;  // that rank 0 makes
  };
  // `refuses`: a rank whose checks fail, so that all are to be told; `stays_away`: one that does not come.
  Start(World world, std::optional<Rank> refuses, std::optional<Rank> stays_away);
  ~Start();

  // Once; then the queue is empty.
  void Run();
  // What ranks were given of all of them together: each receives as much.
  uint64_t bytes() const { return worlds_.bytes_given(); }

 private:
  // What one rank learns.
  struct Learned {
    std::vector<bootstrap::Member> members;
    JobIdentity identity;
    std::vector<bootstrap::MemberAddress> addresses;
    std::vector<bootstrap::StartTimings> timings;
  };

  bootstrap::Member MemberOf(Rank rank) const;
  void RunRank(Rank rank);
  Status Meet(bootstrap::World& world, Learned& learned) const;
  Status ChooseNetwork(bootstrap::World& world, Learned& learned) const;
  Status Connect(bootstrap::World& world, Learned& learned) const;
  Status GatherTimings(bootstrap::World& world, Learned& learned) const;
  void CheckLearned(Rank rank, const Learned& learned) const;
  void CheckRefused(Rank rank, const Status& told) const;

  const World world_;
  const std::optional<Rank> refuses_, stays_away_;
  const uint32_t ranks_;
  fakes::MemoryWorlds worlds_;
  std::vector<std::unique_ptr<SimulatedWakeups>> wakeups_;
  uint32_t over_ = 0;  // ranks that have come to the end
  bool is_ended_ = false;
};

}  // namespace copper::simulation
