// A table of what a node holds: sharded hash map, values shared with whoever reads them.
//
// Contract: Get returns a copy of the value (values are cheap to copy: shared pointers, Bytes), which stays whole
// however the table changes. Put replaces. The charge of each entry (bytes it holds) is told at Put and summed in
// Usage. Any thread; one lock per shard, held for a lookup only, no other lock is taken under it.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "copper/base/hash.h"

namespace copper::cache {

struct Usage {
  uint64_t entries = 0;
  uint64_t bytes = 0;
};

template <class Key, class Value>
class Table {
 public:
  std::optional<Value> Get(const Key& key) const {
    const Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end()) return std::nullopt;
    return it->second.value;
  }

  void Put(const Key& key, Value value, size_t charge) {
    Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    const auto [it, added] = shard.entries.try_emplace(key);
    shard.bytes += charge - it->second.charge;
    it->second = {std::move(value), charge};
  }

  // Changes the value in place, if it is still there: `change(Value&)` runs under the lock and returns the new charge.
  template <class Change>
  void Update(const Key& key, Change change) {
    Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end()) return;
    const size_t charge = change(it->second.value);
    shard.bytes += charge - it->second.charge;
    it->second.charge = charge;
  }

  bool Erase(const Key& key) {
    Shard& shard = ShardOf(key);
    const std::lock_guard lock(shard.mutex);
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end()) return false;
    shard.bytes -= it->second.charge;
    shard.entries.erase(it);
    return true;
  }

  // Erases every entry whose key is matched by `matches(const Key&)`, which runs under the lock of a shard.
  template <class Matches>
  void EraseIf(Matches matches) {
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      std::erase_if(shard.entries, [&](const auto& entry) {
        if (!matches(entry.first)) return false;
        shard.bytes -= entry.second.charge;
        return true;
      });
    }
  }

  Usage usage() const {
    Usage total;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total.entries += shard.entries.size();
      total.bytes += shard.bytes;
    }
    return total;
  }

 private:
  struct Entry {
    Value value{};
    size_t charge = 0;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return HashOf(key); }
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Key, Entry, KeyHash> entries;
    uint64_t bytes = 0;
  };

  // Keys bring their own hash, found beside their type: uint64_t HashOf(const Key&).
  Shard& ShardOf(const Key& key) { return shards_[HashOf(key) >> 60]; }
  const Shard& ShardOf(const Key& key) const { return shards_[HashOf(key) >> 60]; }

  std::array<Shard, 16> shards_;
};

}  // namespace copper::cache
