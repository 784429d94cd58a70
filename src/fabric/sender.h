// The sending side: straight from the caller's thread while the provider takes it, else through a queue per peer that
// the progress thread drains, so that the order of a thread's sends to a peer is kept.
//
// Over ofi_rxm everything goes through the queue: with a domain of FI_THREAD_SAFE, version 1.17 crashes when one thread
// sends more than 16 KiB (its rendezvous) while another reads completions.
#pragma once

#include <rdma/fi_endpoint.h>

#include <atomic>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "copper/base/mutex.h"
#include "fabric/operation.h"
#include "fabric/transport.h"

namespace copper::fabric {

struct Peer {
  Rank rank = 0;
  fi_addr_t address = FI_ADDR_NOTAVAIL;

  // Held across the attempt to send: fi_sendv doesn't block or call back.
  Mutex mutex;
  std::list<SendOperation> queued GUARDED_BY(mutex);     // not yet taken by the provider, oldest first
  std::list<SendOperation> in_flight GUARDED_BY(mutex);  // the provider's until their completion
  bool waiting GUARDED_BY(mutex) = false;                // the progress thread has it in waiting_ or fresh_
  bool closed GUARDED_BY(mutex) = false;
};

class Sender {
 public:
  explicit Sender(Transport& transport) : transport_(transport) {}

  // Before anything else, once. book[r] becomes rank r.
  Status Connect(std::span<const Address> book);
  size_t peers() const { return peers_.size(); }

  // Any thread. True if the progress thread must be woken to drain a queue.
  bool Submit(Rank to, Datagram datagram, Endpoint::SendDone done);
  // Whether sends are under way, so that the progress thread looks at them even if nothing wakes it.
  bool busy() const { return unfinished_.load(std::memory_order_relaxed) > 0; }

  // The progress thread's. `status` is what the completion said.
  void Complete(SendOperation& operation, Status status);
  // Tries the queues that are due; returns when to try again, kNever if nothing waits.
  TimePoint Drain(TimePoint now);

  // Refuses sends from now on; on return none is under way in another thread.
  void Close();
  // After the endpoint is closed: ends what is left with ESHUTDOWN.
  void FailAll();

 private:
  using Operations = std::list<SendOperation>;

  // A peer whose queue waits for the provider, and when to try it again.
  struct Waiting {
    Peer* peer;
    TimePoint retry_at;
    Duration pause;
  };

  bool SendsDirectly() const;
  Status Prepare(SendOperation& operation) const;
  ssize_t Post(SendOperation& operation) const;
  void Enqueue(Peer& peer, Operations& one) REQUIRES(peer.mutex);
  // Sends what the provider takes; what failed for good goes to `failed`.
  bool DrainQueue(Peer& peer, TimePoint now, Operations& failed, Error& error) REQUIRES(peer.mutex);
  bool DrainPeer(Waiting& waiting, TimePoint now);
  void Finish(Operations& operations, const Error& error);

  Transport& transport_;
  std::vector<Peer> peers_;
  std::atomic<size_t> unfinished_ = 0;

  Mutex fresh_mutex_;  // taken with a peer's lock held
  std::vector<Peer*> fresh_ GUARDED_BY(fresh_mutex_);
  std::vector<Waiting> waiting_;  // the progress thread's
};

}  // namespace copper::fabric
