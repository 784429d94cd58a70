// How many bytes a node may hold over all its tables, and who has to go when they are too many: the entry that was used
// longest ago, in whichever table it is, but none that is being read or sent (evicting it would free nothing).
//
// The order of use is kept per shard of a table, so finding the oldest entry means looking at one entry of each shard
// (48 in all): little beside the miss that made it necessary, and hits share no lock.
//
// Memory is reserved before anything is asked upstream, never waited for while holding a chunk. Reservations are made
// by the depth of this node in the tree of what is fetched: who fetches at depth d waits for ranks that fetch at depth
// d-1, and so on to the root, which waits for nobody. As each depth may always have one fetch under way, however full
// the node is, no circle of nodes can wait for each other's memory. So the budget may be exceeded by one chunk for each
// level of the trees.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "copper/base/mutex.h"

namespace copper::cache {

// Part of a table: its entries in order of use.
class EvictionQueue {
 public:
  virtual ~EvictionQueue() = default;
  // When the first entry to go was used last (Budget::NextUse); nullopt if none may go. Any thread.
  virtual std::optional<uint64_t> OldestUse() const = 0;
  // Drops that entry, if there still is one. Any thread.
  virtual void EvictOldest() = 0;
};

class Budget;

// Room that is kept for what is being fetched: given back when this goes, or is released.
class Reservation {
 public:
  Reservation() = default;  // of nothing
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }
  // When what was fetched is in its table, or has failed. May call those who wait for room.
  void Release();

 private:
  friend class Budget;
  Reservation(Budget& budget, size_t bytes, uint32_t depth) : budget_(&budget), bytes_(bytes), depth_(depth) {}

  Budget* budget_ = nullptr;  // outlives it
  size_t bytes_ = 0;
  uint32_t depth_ = 0;
};

// Any thread. Lock order: `evicting_`, then a shard of a table; `mutex_` is a leaf.
class Budget {
 public:
  using Granted = std::move_only_function<void(Reservation)>;

  explicit Budget(uint64_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // Before anything is held. The queue lives as long as the budget is used.
  void Join(EvictionQueue& queue) { queues_.push_back(&queue); }

  uint64_t limit() const { return limit_; }
  uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }

  // For tables: the clock of uses, and what their entries hold.
  uint64_t NextUse() { return uses_.fetch_add(1, std::memory_order_relaxed) + 1; }
  void Hold(size_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }
  void Drop(size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }
  // Evicts until `more` bytes would fit, or nothing may go. Not with the lock of a shard held.
  void MakeRoom(size_t more = 0) EXCLUDES(evicting_);

  // Calls `granted` when there is room for `bytes` more, at once or later, from whichever thread made room; it must not
  // block.
  void Reserve(size_t bytes, uint32_t depth, Granted granted) EXCLUDES(evicting_, mutex_);
  // Looks again whether those that wait fit now: what was being sent may have been. True if any still wait.
  bool Retry() EXCLUDES(evicting_, mutex_);

 private:
  friend class Reservation;
  struct Waiting {
    size_t bytes = 0;
    Granted granted;
  };
  struct Grant {
    Granted granted;
    Reservation room;
  };
  struct Depth {
    uint32_t under_way = 0;
    std::list<Waiting> waiting;
  };
  bool Fits(size_t more) const { return held() + more <= limit_; }
  std::optional<Grant> TakeGrantable() EXCLUDES(evicting_, mutex_);
  Reservation Admit(uint32_t number, Depth& depth, size_t bytes) REQUIRES(mutex_);
  void Release(size_t bytes, uint32_t depth) EXCLUDES(evicting_, mutex_);

  const uint64_t limit_;
  std::vector<EvictionQueue*> queues_;
  std::atomic<uint64_t> held_{0}, uses_{0}, evictions_{0};
  Mutex evicting_;  // one thread evicts at a time

  Mutex mutex_;
  std::map<uint32_t, Depth> depths_ GUARDED_BY(mutex_);
  size_t waiting_ GUARDED_BY(mutex_) = 0;     // over all depths
  bool granting_ GUARDED_BY(mutex_) = false;  // a thread calls those that were granted
};

}  // namespace copper::cache
