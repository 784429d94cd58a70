// A table of what a node holds: sharded hash map, values shared with whoever reads them, least recently used first out.
//
// Contract: Get returns a copy of the value (values are cheap to copy: shared pointers, Bytes), which stays whole
// however the table changes. Put replaces. The charge of each entry is the bytes that its value and key hold, told at
// Put; the entry's own size is added here. All charges count against the budget, which may evict any entry at any time,
// except those that are in use. Any thread; one lock per shard, held for a lookup only, no other lock is taken under
// it.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_set>
#include <utility>

#include "copper/base/mutex.h"
#include "copper/cache/budget.h"

namespace copper::cache {

struct Usage {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t evictions = 0;  // since the start
};

// Keys and values bring what the table asks of them, found beside their types:
//   uint64_t HashOf(const Key&);
//   bool IsInUse(const Value&);   whether others hold its memory, so that evicting it would free nothing
template <class Key, class Value>
class Table {
 public:
  // `budget` outlives the table.
  explicit Table(Budget& budget) : budget_(budget) {
    for (Shard& shard : shards_) {
      shard.budget = &budget;
      budget.Join(shard);
    }
  }

  std::optional<Value> Get(const Key& key) {
    Shard& shard = ShardOf(key);
    const MutexLock lock(shard.mutex);
    const auto found = shard.index.find(key);
    if (found == shard.index.end()) return std::nullopt;
    shard.Touch(*found);
    return (*found)->value;
  }

  void Put(const Key& key, Value value, size_t charge) {
    {
      Shard& shard = ShardOf(key);
      const MutexLock lock(shard.mutex);
      const auto entry = shard.FindOrAdd(key);
      std::swap(entry->value, value);  // the old one is destroyed outside the lock
      shard.SetCharge(*entry, charge + kEntrySize);
      shard.Touch(entry);
    }
    budget_.MakeRoom();
  }

  bool Erase(const Key& key) {
    return EraseWhen(key, [](const Value&) { return true; });
  }

  // Erases the entry if `when(Value&)` says so, which runs under the lock and may change the value.
  template <class When>
  bool EraseWhen(const Key& key, When when) {
    Shard& shard = ShardOf(key);
    Entries erased;  // destroyed outside the lock
    const MutexLock lock(shard.mutex);
    const auto found = shard.index.find(key);
    if (found == shard.index.end() || !when((*found)->value)) return false;
    shard.MoveOut(*found, erased);
    return true;
  }

  // Erases all that `is_one(const Key&, const Value&)` holds for, which runs under the lock.
  template <class IsOne>
  void EraseIf(IsOne is_one) {
    for (Shard& shard : shards_) {
      Entries erased;
      const MutexLock lock(shard.mutex);
      for (auto entry = shard.entries.begin(); entry != shard.entries.end();) {
        const auto next = std::next(entry);
        if (is_one(entry->key, entry->value)) shard.MoveOut(entry, erased);
        entry = next;
      }
    }
  }

  Usage usage() const {
    Usage total;
    for (const Shard& shard : shards_) {
      const MutexLock lock(shard.mutex);
      total.entries += shard.entries.size();
      total.bytes += shard.bytes;
      total.evictions += shard.evictions;
    }
    return total;
  }

 private:
  struct Entry {
    const Key key;
    Value value{};
    size_t charge = 0;
    uint64_t used = 0;  // Budget::NextUse
  };
  using Entries = std::list<Entry>;
  using Position = typename Entries::iterator;
  // Entries by their keys, and keys as such.
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Key& key) const { return HashOf(key); }
    size_t operator()(const Position& entry) const { return HashOf(entry->key); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Key& one, const Position& other) const { return one == other->key; }
    bool operator()(const Position& one, const Key& other) const { return one->key == other; }
    bool operator()(const Position& one, const Position& other) const { return one->key == other->key; }
  };
  // With what list, index and allocator take for it.
  static constexpr size_t kEntrySize = sizeof(Entry) + 8 * sizeof(void*);

  struct alignas(64) Shard final : public EvictionQueue {
    // Entries in use at the old end are passed over, this many at most.
    static constexpr int kPassedOver = 16;

    mutable Mutex mutex;
    Entries entries GUARDED_BY(mutex);  // least recently used first
    std::unordered_set<Position, Hash, Equal> index GUARDED_BY(mutex);
    uint64_t bytes GUARDED_BY(mutex) = 0;
    uint64_t evictions GUARDED_BY(mutex) = 0;
    Budget* budget = nullptr;

    Position FindOrAdd(const Key& key) REQUIRES(mutex) {
      const auto found = index.find(key);
      if (found != index.end()) return *found;
      const Position entry = entries.insert(entries.end(), {.key = key});
      index.insert(entry);
      return entry;
    }

    void Touch(Position entry) REQUIRES(mutex) {
      entry->used = budget->NextUse();
      entries.splice(entries.end(), entries, entry);
    }

    void SetCharge(Entry& entry, size_t charge) REQUIRES(mutex) {
      bytes += charge - entry.charge;
      budget->Hold(charge);
      budget->Drop(entry.charge);
      entry.charge = charge;
    }

    void MoveOut(Position entry, Entries& to) REQUIRES(mutex) {
      SetCharge(*entry, 0);
      index.erase(entry);
      to.splice(to.end(), entries, entry);
    }

    auto Evictable() const REQUIRES(mutex) {
      auto entry = entries.begin();
      for (int passed = 0; entry != entries.end() && IsInUse(entry->value); ++entry) {
        if (++passed > kPassedOver) return entries.end();
      }
      return entry;
    }

    std::optional<uint64_t> OldestUse() const override {
      const MutexLock lock(mutex);
      const auto entry = Evictable();
      if (entry == entries.end()) return std::nullopt;
      return entry->used;
    }

    void EvictOldest() override {
      Entries evicted;  // destroyed outside the lock
      const MutexLock lock(mutex);
      const auto entry = Evictable();
      if (entry == entries.end()) return;
      MoveOut(*index.find(entry->key), evicted);
      ++evictions;
    }
  };

  Shard& ShardOf(const Key& key) { return shards_[HashOf(key) >> 60]; }

  Budget& budget_;
  std::array<Shard, 16> shards_;
};

}  // namespace copper::cache
