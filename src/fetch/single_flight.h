// One fetch per key, whoever and however many ask: the first becomes the leader, the others wait for its result.
//
// The cache is looked into again under the flight's lock, so that a result that was stored between a caller's miss and
// its arrival here is never fetched twice (as in CernVM-FS's Fetcher). Waiters have deadlines of their own: past it a
// waiter is told ETIMEDOUT, while the flight goes on for the others. None is dropped: each is told the answer, an error
// (ENOMEM, where there was no memory for a chunk or a listing), or that its time is over. Any thread; callbacks run
// outside the lock.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/hash.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"
#include "copper/profile/recorder.h"

namespace copper::fetch {

using profile::Way;

// Takes an answer, and how it was come by: kHit, kMiss (for this one it was asked for), or kCoalesced.
template <class T>
using Done = std::move_only_function<void(Result<T>, Way)>;

// `kShards`: as many locks.
template <class Key, class Value, size_t kShards = 16>
class SingleFlight {
 public:
  // `look() -> std::optional<Value>` is asked under the lock; what it finds goes to `done` at once (kHit). Else `done`
  // waits for Complete. kMiss: the caller leads, and must see to it that Complete is called, however its fetch ends.
  // `done` may be empty: a prefetch.
  template <class Look>
  Way Join(const Key& key, TimePoint deadline, Look look, Done<Value> done) {
    std::optional<Value> found;
    {
      Shard& shard = ShardOf(key);
      const MutexLock lock(shard.mutex);
      const auto it = shard.flights.find(key);
      if (it != shard.flights.end()) {
        if (done) it->second.push_back({deadline, Way::kCoalesced, std::move(done)});
        return Way::kCoalesced;
      }
      found = look();
      if (!found) {
        std::vector<Waiter> waiters;
        if (done) waiters.push_back({deadline, Way::kMiss, std::move(done)});
        shard.flights.emplace(key, std::move(waiters));
        return Way::kMiss;
      }
    }
    if (done) done(std::move(*found), Way::kHit);
    return Way::kHit;
  }

  // Ends the flight: every waiter gets a copy. What is to be found by later callers must be in the cache before.
  void Complete(const Key& key, const Result<Value>& result) {
    for (Waiter& waiter : Take(key)) waiter.done(result, waiter.way);
  }

  bool IsFlying(const Key& key) {
    Shard& shard = ShardOf(key);
    const MutexLock lock(shard.mutex);
    return shard.flights.contains(key);
  }

  // Whether anybody waits for it.
  bool IsWanted(const Key& key) {
    Shard& shard = ShardOf(key);
    const MutexLock lock(shard.mutex);
    const auto it = shard.flights.find(key);
    return it != shard.flights.end() && !it->second.empty();
  }

  // Tells ETIMEDOUT to waiters past their deadline; true while any flight is under way.
  bool Expire(TimePoint now) {
    std::vector<Waiter> expired;
    bool flying = false;
    for (Shard& shard : shards_) {
      const MutexLock lock(shard.mutex);
      for (auto& [key, waiters] : shard.flights) {
        flying = true;
        std::erase_if(waiters, [&](Waiter& waiter) {
          if (waiter.deadline > now) return false;
          expired.push_back(std::move(waiter));
          return true;
        });
      }
    }
    for (Waiter& waiter : expired) waiter.done(Fail(ETIMEDOUT), waiter.way);
    return flying;
  }

 private:
  struct Waiter {
    TimePoint deadline;
    Way way;
    Done<Value> done;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return HashOf(key); }
  };
  struct alignas(64) Shard {
    Mutex mutex;
    std::unordered_map<Key, std::vector<Waiter>, KeyHash> flights GUARDED_BY(mutex);
  };

  std::vector<Waiter> Take(const Key& key) {
    Shard& shard = ShardOf(key);
    const MutexLock lock(shard.mutex);
    const auto node = shard.flights.extract(key);
    return node.empty() ? std::vector<Waiter>{} : std::move(node.mapped());
  }

  Shard& ShardOf(const Key& key) { return shards_[(HashOf(key) >> 60) % kShards]; }

  static_assert(kShards <= 16);
  std::array<Shard, kShards> shards_;
};

}  // namespace copper::fetch
