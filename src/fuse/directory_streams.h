// Listings that readers of one directory are in the middle of.
//
// A directory stream has no state of its own here (the kernel stops sending opendir), and it must not mix two listings.
// So its offset says where it is: the low half counts the entries that it had (. and .. first), the high half
// names the listing that it began with, of which the last few are known. It is 0 for the first, so offsets stay small.
//
// What is known of them is small: the listings themselves are the cache's, and StreamedListings keeps those alive that
// are being read. One that is gone is asked for again, and goes on if it is the same.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "copper/fetch/fetcher.h"

namespace copper::fuse {

struct DirectoryPosition {
  fetch::Listed listed;  // null: gone
  uint32_t generation = 0;
  uint64_t next = 0;   // entries that the stream had already
  uint64_t names = 0;  // of the listing, which need not be there to know its end

  uint64_t OffsetAfter(uint64_t entry) const { return uint64_t{generation} << 32 | (entry + 1); }
  bool IsAtEnd() const { return next >= names + 2; }
};

// Not thread-safe; the caller (Node) locks.
class DirectoryStreams {
 public:
  static constexpr size_t kKept = 4;

  // A stream begins with this listing. One with the same names is the same, however often it was made.
  DirectoryPosition Begin(const fetch::Listed& listed);
  // nullopt: nothing is known of the listing that the stream began with; it must fail rather than go on with another.
  std::optional<DirectoryPosition> Continue(uint64_t offset);
  // The stream's listing was gone, and this is the directory's now: nullopt if it is another one.
  std::optional<DirectoryPosition> Resume(uint64_t offset, const fetch::Listed& listed);
  // What these listings say of their names is true no longer.
  void Expire();

 private:
  struct Kept {
    uint32_t generation = 0;
    std::weak_ptr<const Listing> listing;
    TimePoint valid_until = kNever;
    FileVersion version;  // of the directory
    size_t names = 0;
    uint64_t digest = 0;  // of the names: what else is known of them need not be the same

    DirectoryPosition At(uint64_t offset) const;
    void Take(const fetch::Listed& listed);
    bool IsOf(const ListingPtr& other) const;
  };
  Kept* Find(uint64_t offset);

  std::vector<Kept> kept_;  // oldest first
  uint32_t next_generation_ = 0;
};

// Keeps the listings alive that streams of a mount have used last, whatever becomes of them in the cache: all that fit
// into `kMostBytes`, and the very last one in any case. Any thread; one lock, leaf.
class StreamedListings {
 public:
  static constexpr size_t kMostBytes = size_t{8} << 20;

  void Use(const ListingPtr& listing);
  // A stream has come to its end.
  void Drop(const ListingPtr& listing);

 private:
  using Order = std::list<ListingPtr>;

  std::mutex mutex_;  // guards what follows
  Order kept_;        // last used first
  std::unordered_map<const Listing*, Order::iterator> places_;
  size_t bytes_ = 0;
};

}  // namespace copper::fuse
