// Which paths were refreshed, and which are being refreshed: what a node has forgotten must not come back.
//
// Every path has an epoch, which is part of the keys of tables and flights; a refresh begins a new one for its path and
// all below it. So a flight that began before it is neither joined later nor is its result found later. Between the two
// passes of a refresh (begin, end) another rank may not have forgotten yet. Only what comes from the source itself is
// new then; to whatever a parent answers, a node gives an epoch of its own, odd and never used again: it serves one
// asker, is kept nowhere, and nobody else joins its flight. When the second pass comes, every rank has forgotten.
//
// Any thread. One lock, held for a few lookups; a shard of a table may be taken under it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/hash.h"
#include "copper/base/ids.h"
#include "copper/base/mutex.h"
#include "copper/cache/cache.h"

namespace copper::cache {

// One refresh, on all ranks: `number` counts those of the rank that leads it.
struct RefreshId {
  Rank leader = 0;
  uint64_t number = 0;
  bool operator==(const RefreshId&) const = default;
};

enum class AskedOf { kSource, kParent };

class Epochs {
 public:
  // The epoch of what is asked now of the source, or of the parent.
  Epoch Of(std::string_view path, AskedOf asked) const;
  // Of a listing: it is forgotten too when one of its names is refreshed.
  Epoch OfListing(std::string_view directory, AskedOf asked) const;
  // Whether what is fetched in this epoch may be kept.
  static bool IsKept(Epoch epoch) { return epoch % 2 == 0; }

  // False if this refresh has begun, or ended, before. `carry(old, now)`: the epochs of the listing that names the
  // path; called before anybody sees the new one.
  bool Begin(const RefreshId& id, const std::string& path, TimePoint until,
             const std::function<void(Epoch old, Epoch now)>& carry);
  // False if it is not under way.
  bool End(const RefreshId& id);

  struct Open {
    RefreshId id;
    std::string path;
    TimePoint until;
  };
  // Those whose second pass has not come in time; they are still open.
  std::vector<Open> Overdue(TimePoint now) const;
  bool any_open() const;
  // More paths than these are not kept apart: then whole directories count as refreshed with the last of their names,
  // and are asked about again.
  static constexpr size_t kMostPaths = 65'536;
  // Paths of which it holds something. It grows with the paths that are refreshed one by one, up to that; what a
  // refresh further up has made superfluous goes.
  size_t size() const;
  bool IsOpen(const RefreshId& id) const;

 private:
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const { return Hash(path); }
  };
  using EpochByPath = std::unordered_map<std::string, Epoch, PathHash, std::equal_to<>>;

  Epoch OfPath(std::string_view path) const REQUIRES_SHARED(mutex_);
  Epoch OfNames(std::string_view directory) const REQUIRES_SHARED(mutex_);
  void Prune() REQUIRES(mutex_);
  void DropSuperfluous() REQUIRES(mutex_);

  std::atomic<bool> any_{false};  // most jobs never refresh
  mutable SharedMutex mutex_;
  EpochByPath refreshed_ GUARDED_BY(mutex_);   // a path's epoch is the latest among those of itself and all above it
  EpochByPath changed_ GUARDED_BY(mutex_);     // directories, by the last refresh of a name in them
  size_t prune_at_ GUARDED_BY(mutex_) = 1024;  // of both together
  std::vector<Open> open_ GUARDED_BY(mutex_);
  std::vector<RefreshId> ended_ GUARDED_BY(mutex_);  // the last few: messages overtake each other
  Epoch last_ GUARDED_BY(mutex_) = 0;
  mutable std::atomic<Epoch> next_odd_{1};
};

}  // namespace copper::cache
