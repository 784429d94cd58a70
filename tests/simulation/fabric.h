// A fabric of simulated time: fabric::Endpoint for each rank, and what can go wrong between them.
//
// Payloads are shared, not copied: what a root has read is in memory once, however many ranks hold it
// (FileTree::Received).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "copper/fabric/endpoint.h"
#include "simulation/cores.h"
#include "simulation/event_queue.h"
#include "simulation/file_tree.h"
#include "simulation/models.h"
#include "simulation/random.h"

namespace copper::simulation {

// What one rank's link and fabric thread did.
struct Traffic {
  uint64_t messages_sent = 0, messages_received = 0;
  uint64_t bytes_sent = 0, bytes_received = 0;  // of payload
  Duration busy{};                              // of the fabric thread, with messages
};

class SimulatedFabric {
 public:
  SimulatedFabric(const FabricModel& model, EventQueue& queue, Cores& cores, const FileTree& tree, uint64_t seed);
  ~SimulatedFabric();

  // Ranks in their order. `host` outlives the fabric.
  void Add(Host& host);
  fabric::Endpoint& endpoint(Rank rank);
  const Traffic& traffic(Rank rank) const;
  // Those that a rank has sent to or received from, in their order.
  const std::vector<Rank>& peers(Rank rank) const;
  // The longest that a message took from Send to OnArrival, at ranks that ran.
  Duration longest() const { return longest_; }

  // From now on what is sent to a dead rank fails, as a closed connection does; else it is never heard of again, as
  // where a whole node is gone.
  void SetDeadRefuse(bool refuse) { dead_refuse_ = refuse; }
  // Messages from and to this rank take so much longer, until it is 0 again.
  void Delay(Rank rank, Duration time);
  // Messages between these two fail with ECONNRESET until `until`, those under way are lost.
  void Reset(Rank one, Rank other, TimePoint until);

 private:
  class Link;
  struct Message;

  void Carry(std::unique_ptr<Message> message);
  void Receive(std::unique_ptr<Message> message);
  void Arrive(std::unique_ptr<Message> message);
  bool IsReset(Rank one, Rank other) const;
  Duration OnLink(size_t bytes) const;
  Duration Handling(size_t bytes, bool received) const;

  const FabricModel model_;
  EventQueue& queue_;
  Cores& cores_;
  const FileTree& tree_;
  Random random_;
  std::vector<std::unique_ptr<Link>> links_;
  bool dead_refuse_ = true;
  struct Broken {
    Rank one, other;
    TimePoint until;
  };
  std::vector<Broken> reset_;
  Duration longest_{};
};

}  // namespace copper::simulation
