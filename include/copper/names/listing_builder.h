// Packs a listing from names in any order, in hardly more memory than the listing itself: names are sorted in runs of
// 1 MiB, and merged into the result while the memory of what has been merged goes back to the system (external merge
// sort, with memory as the disk).
#pragma once

#include <vector>

#include "copper/names/listing.h"

namespace copper {

class ListingBuilder {
 public:
  static constexpr size_t kMaxBytes = size_t{1} << 31;  // offsets are of 32 bits

  // `max_bytes` bounds the packed listing; the index over it adds 4 bytes a name.
  explicit ListingBuilder(Attributes directory, size_t max_bytes = kMaxBytes);

  // ENOMEM if the listing became larger than it may. Names of a directory that changes while it is read may come twice:
  // one of them stays. Not checked here: that the name is one.
  Status Add(std::string_view name, uint64_t inode, uint8_t type, const Attributes* attributes = nullptr);
  size_t size() const { return size_; }  // names added

  // Once. Throws std::bad_alloc.
  Listing Build(bool answers_absence);

 private:
  struct Added {
    uint64_t hash = 0;
    uint32_t at = 0;  // in `open_`
  };
  struct Run {  // in order
    Buffer bytes;
    size_t names = 0;
  };
  class RunReader;

  void CloseRun();
  size_t Merge(std::byte* result, std::vector<uint32_t>& offsets);

  const Attributes directory_;
  const size_t max_bytes_;
  size_t total_;  // bytes of the result, duplicates included
  size_t size_ = 0;
  std::vector<std::byte> open_;  // the run that is being filled,
  std::vector<Added> added_;     // and its entries
  std::vector<Run> runs_;
};

}  // namespace copper
