// The fabric in one process: an endpoint per rank, each with a delivery thread of its own, as the real one has.
//
// Datagrams of one rank to another arrive in the order they were sent; payloads are shared, not copied. What goes wrong
// on a network is a hook: drop or hold messages, disconnect a rank, inject datagrams that nobody sent. A datagram for a
// rank that has not started waits for it. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "copper/fabric/endpoint.h"

namespace copper::fakes {

enum class Fate { kDeliver, kDrop, kHold };

class LoopbackFabric {
 public:
  // Called for every datagram, under the fabric's lock: must not use the fabric.
  using Filter = std::function<Fate(Rank from, Rank to)>;

  explicit LoopbackFabric(uint32_t ranks, Duration tick = std::chrono::milliseconds(20));
  ~LoopbackFabric();  // stops every endpoint
  LoopbackFabric(const LoopbackFabric&) = delete;
  LoopbackFabric& operator=(const LoopbackFabric&) = delete;

  fabric::Endpoint& endpoint(Rank rank);  // lives as long as the fabric
  uint32_t ranks() const { return static_cast<uint32_t>(endpoints_.size()); }
  // What Endpoint::Connect wants; ConnectAll gives it to every endpoint.
  std::vector<fabric::Address> Book() const;
  void ConnectAll();

  // Decides over what is sent from now on. An empty filter delivers everything.
  void SetFilter(Filter filter);
  size_t held() const;
  // Delivers what was held, in order.
  void ReleaseHeld();
  // Changes what is sent from now on, as a network or a node's memory does. Called for every datagram, under the
  // fabric's lock: must not use the fabric. Senders keep what they have.
  using Tamper = std::function<void(Rank from, Rank to, std::span<std::byte> head, std::span<std::byte> payload)>;
  void SetTamper(Tamper tamper);
  // From now on sends to this rank and from it fail with ECONNRESET, at once and in the sender's thread.
  void Disconnect(Rank rank);
  void Reconnect(Rank rank);
  // From now on receivers get memory of their own, as over a wire; else they share the sender's.
  void CopyPayloads();
  // A datagram out of nowhere.
  void Inject(Rank to, fabric::Datagram datagram);

 private:
  class LoopbackEndpoint;
  struct Held {
    Rank to;
    fabric::Datagram datagram;
  };

  // The endpoints' way out: an error if the datagram can't be sent.
  Status Transmit(Rank from, Rank to, fabric::Datagram datagram);

  // Taken before an endpoint's own lock, never after it.
  mutable std::mutex mutex_;
  Filter filter_;
  Tamper tamper_;
  std::vector<Held> held_;
  std::vector<bool> disconnected_;
  bool copying_ = false;
  std::vector<std::unique_ptr<LoopbackEndpoint>> endpoints_;  // constant after construction
};

}  // namespace copper::fakes
