#include "directory_streams.h"

#include <algorithm>

namespace copper::fuse {

void DirectoryStreams::Kept::Take(const fetch::Listed& listed) {
  listing = listed.listing;
  valid_until = listed.valid_until;
  version = listed.listing->directory().version();
  names = listed.listing->size();
  bytes = listed.listing->packed().size();
}

bool DirectoryStreams::Kept::IsOf(const Listing& other) const {
  return version == other.directory().version() && names == other.size() && bytes == other.packed().size();
}

DirectoryPosition DirectoryStreams::Begin(fetch::Listed listed) {
  if (kept_.empty() || kept_.back().listing.lock() != listed.listing) {
    if (kept_.size() == kKept) kept_.erase(kept_.begin());
    kept_.emplace_back().generation = next_generation_;
    next_generation_ = (next_generation_ + 1) & 0x7fffffff;  // offsets are signed
  }
  kept_.back().Take(listed);
  return {std::move(listed), kept_.back().generation, 0};
}

const DirectoryStreams::Kept* DirectoryStreams::Find(uint64_t offset) const {
  const auto it = std::ranges::find(kept_, static_cast<uint32_t>(offset >> 32), &Kept::generation);
  return it == kept_.end() ? nullptr : &*it;
}

std::optional<DirectoryPosition> DirectoryStreams::Continue(uint64_t offset) const {
  const Kept* const kept = Find(offset);
  if (kept == nullptr) return std::nullopt;
  return DirectoryPosition{kept->listed(), kept->generation, offset & 0xffffffff};
}

std::optional<DirectoryPosition> DirectoryStreams::Resume(uint64_t offset, fetch::Listed listed) {
  const auto generation = static_cast<uint32_t>(offset >> 32);
  const auto it = std::ranges::find(kept_, generation, &Kept::generation);
  if (it == kept_.end() || !it->IsOf(*listed.listing)) return std::nullopt;
  it->Take(listed);
  return DirectoryPosition{std::move(listed), generation, offset & 0xffffffff};
}

void StreamedListings::Use(const ListingPtr& listing) {
  std::list<ListingPtr> dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  if (!kept_.empty() && kept_.front() == listing) return;
  if (const auto it = std::ranges::find(kept_, listing); it != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, it);
    return;
  }
  kept_.push_front(listing);
  bytes_ += listing->charge();
  while (kept_.size() > kMost || (bytes_ > kMostBytes && kept_.size() > 1)) {
    bytes_ -= kept_.back()->charge();
    dropped.splice(dropped.end(), kept_, std::prev(kept_.end()));
  }
}

void StreamedListings::Drop(const ListingPtr& listing) {
  std::list<ListingPtr> dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto it = std::ranges::find(kept_, listing);
  if (it == kept_.end()) return;
  bytes_ -= listing->charge();
  dropped.splice(dropped.end(), kept_, it);
}

}  // namespace copper::fuse
