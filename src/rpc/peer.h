// What is between this rank and one other: our requests to it, as far as its credits go, and the number of its own
// here.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/rpc/channel.h"
#include "copper/wire/header.h"
#include "replay_window.h"

namespace copper::rpc {

// A request of ours that has no outcome yet. The header is complete but for what is known when it is sent.
struct Pending {
  wire::Header header;
  Bytes path;
  TimePoint deadline;
  Channel::Done done;
  TimePoint sent{};
  bool parked = false;  // the peer has said that it works on it: it holds no credit any more
};

// How many requests may be at one peer, of those parked too, for each credit.
inline constexpr uint32_t kMostPerCredit = 8;

// A request that may be sent now.
struct Outgoing {
  wire::Header header;
  Bytes path;
  TimePoint deadline;
};

// The rank that was asked is part of a request's id, so that only its reply can match.
constexpr Rank AskedRank(uint64_t request_id) {
  return static_cast<Rank>(request_id >> 32);
}

// Any thread; nothing here calls out.
class Peer {
 public:
  Peer(Rank rank, uint16_t credits) : rank_(rank), credits_(credits) {}

  // Puts the request at the end of the queue; a ping at its front.
  void Add(Pending&& pending);

  // One thread at a time sends, so that a send that fails at once, and whose callback asks again, makes a loop and no
  // recursion. Who gets true calls NextToSend until there is none; who gets false has left the work to that thread.
  bool ClaimSending();
  std::optional<Outgoing> NextToSend(TimePoint now);

  // The end of a request that was sent; nullopt if it is unknown. A reply brings new credits.
  std::optional<Pending> Finish(uint64_t request_id, std::optional<uint16_t> credits = std::nullopt);
  // The requests of the source that went by `sent` and have no outcome.
  std::vector<uint64_t> SentBy(TimePoint sent);
  // The peer works on it.
  void Park(uint64_t request_id);
  std::vector<Pending> TakeExpired(TimePoint now);
  std::vector<Pending> TakeAll();

  // Of what is sent to this peer next.
  uint64_t NextSequence();
  // Whether what it sends now has not come before.
  bool TakeOnce(uint64_t sequence);

  // The server side. kFull: the peer has `limit` requests here already; kKnown: this one.
  enum class Admission { kTaken, kFull, kKnown };
  Admission BeginServing(uint64_t request_id, uint32_t limit);
  void EndServing(uint64_t request_id);
  // A bit for each of these: whether it is being served.
  std::vector<std::byte> AreServed(const std::vector<uint64_t>& request_ids);

 private:
  bool MaySend(const Pending& next) const REQUIRES(mutex_);
  std::optional<Pending> Extract(uint64_t request_id) REQUIRES(mutex_);

  const Rank rank_;
  Mutex mutex_;
  uint32_t credits_ GUARDED_BY(mutex_);
  bool sending_ GUARDED_BY(mutex_) = false;
  uint32_t next_id_ GUARDED_BY(mutex_) = 0;
  uint64_t sequence_ GUARDED_BY(mutex_) = 0;
  ReplayWindow came_ GUARDED_BY(mutex_);
  std::unordered_set<uint64_t> serving_ GUARDED_BY(mutex_);
  std::list<Pending> queue_ GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Pending> under_way_ GUARDED_BY(mutex_);
  size_t parked_ GUARDED_BY(mutex_) = 0;  // of those under way
};

// Peers are made when first met: a rank talks to a few of many thousands. Any thread.
class PeerTable {
 public:
  explicit PeerTable(uint16_t credits) : credits_(credits) {}

  Peer& Get(Rank rank);  // lives as long as the table
  std::vector<Peer*> All() const;

 private:
  const uint16_t credits_;
  mutable SharedMutex mutex_;
  std::unordered_map<Rank, std::unique_ptr<Peer>> peers_ GUARDED_BY(mutex_);  // the map, not the peers
};

}  // namespace copper::rpc
