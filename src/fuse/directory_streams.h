// Listings that readers of one directory are in the middle of.
//
// A directory stream has no state of its own here (the kernel stops sending opendir), and it must not mix two listings.
// So its offset says where it is: the low half counts the entries that it had (. and .. first), the high half
// names the listing that it began with, of which the last few are kept. It is 0 for the first, so offsets stay small.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "copper/fetch/fetcher.h"

namespace copper::fuse {

struct DirectoryPosition {
  fetch::Listed listed;
  uint32_t generation = 0;
  uint64_t next = 0;  // entries that the stream had already

  uint64_t OffsetAfter(uint64_t entry) const { return uint64_t{generation} << 32 | (entry + 1); }
};

// Not thread-safe; the caller (Node) locks.
class DirectoryStreams {
 public:
  static constexpr size_t kKept = 4;

  // A stream begins with this listing.
  DirectoryPosition Begin(fetch::Listed listed);
  // nullopt: the listing that the stream began with is gone; it must fail rather than go on with another.
  std::optional<DirectoryPosition> Continue(uint64_t offset) const;
  // What these listings say of their names is true no longer.
  void Expire();

 private:
  struct Kept {
    uint32_t generation = 0;
    fetch::Listed listed;
  };
  std::vector<Kept> kept_;  // oldest first
  uint32_t next_generation_ = 0;
};

}  // namespace copper::fuse
