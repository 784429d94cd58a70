// The listings that readers of directories are in the middle of.
//
// A directory stream has no state here: the kernel stops sending opendir, and the position that each page is asked for
// from is good for any listing of the directory (Listing::PositionAfter). But a listing may leave the cache, or its
// time be over, between two pages: so that a reader does not have the directory listed again for each page, the last
// one that was read from is kept.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

#include "copper/base/mutex.h"
#include "copper/fetch/fetcher.h"
#include "node.h"

namespace copper::fuse {

// Those that were used last, whatever becomes of them in the cache: all that fit into `kMostBytes`, and the very last
// one in any case. By the directory's node. Any thread; one lock, leaf.
class StreamedListings {
 public:
  static constexpr size_t kMostBytes = size_t{8} << 20;

  // Null: none.
  fetch::Listed Find(uint64_t directory);
  // A page of it is being sent. `changes`: those of the directory before it was got; one that is older than the last
  // change is not kept.
  void Use(const Node& directory, const fetch::Listed& listed, uint64_t changes);
  // A reader has come to its end.
  void Drop(uint64_t directory);
  // The directory has changed: no listing from before is to be gone on with.
  void Outdate(Node& directory);

 private:
  struct Streamed {
    uint64_t directory = 0;
    fetch::Listed listed;
  };
  using Order = std::list<Streamed>;

  // What goes is moved to `dropped`, to be destroyed without the lock.
  void Take(Order::iterator place, Order& dropped) REQUIRES(mutex_);
  void Take(uint64_t directory, Order& dropped) REQUIRES(mutex_);

  Mutex mutex_;
  Order kept_ GUARDED_BY(mutex_);  // last used first
  std::unordered_map<uint64_t, Order::iterator> places_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::fuse
