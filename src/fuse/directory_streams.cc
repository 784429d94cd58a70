#include "directory_streams.h"

#include <algorithm>

#include "copper/base/hash.h"

namespace copper::fuse {
namespace {

uint64_t DigestOfNames(const Listing& listing) {
  uint64_t digest = listing.size();
  for (size_t i = 0; i < listing.size(); ++i) digest = Hash(listing[i].name, digest);
  return digest;
}

}  // namespace

void DirectoryStreams::Kept::Take(const fetch::Listed& listed) {
  valid_until = listed.valid_until;
  if (listing.lock() == listed.listing) return;
  listing = listed.listing;
  version = listed.listing->directory().version();
  names = listed.listing->size();
  digest = DigestOfNames(*listed.listing);
}

bool DirectoryStreams::Kept::IsOf(const ListingPtr& other) const {
  if (listing.lock() == other) return true;
  return version == other->directory().version() && names == other->size() && digest == DigestOfNames(*other);
}

DirectoryPosition DirectoryStreams::Kept::At(uint64_t offset) const {
  return {{listing.lock(), valid_until}, generation, offset & 0xffffffff, names};
}

DirectoryPosition DirectoryStreams::Begin(const fetch::Listed& listed) {
  if (kept_.empty() || !kept_.back().IsOf(listed.listing)) {
    if (kept_.size() == kKept) kept_.erase(kept_.begin());
    kept_.emplace_back().generation = next_generation_;
    next_generation_ = (next_generation_ + 1) & 0x7fffffff;  // offsets are signed
  }
  kept_.back().Take(listed);
  return kept_.back().At(0);
}

DirectoryStreams::Kept* DirectoryStreams::Find(uint64_t offset) {
  const auto it = std::ranges::find(kept_, static_cast<uint32_t>(offset >> 32), &Kept::generation);
  return it == kept_.end() ? nullptr : &*it;
}

std::optional<DirectoryPosition> DirectoryStreams::Continue(uint64_t offset) {
  const Kept* const kept = Find(offset);
  if (kept == nullptr) return std::nullopt;
  return kept->At(offset);
}

std::optional<DirectoryPosition> DirectoryStreams::Resume(uint64_t offset, const fetch::Listed& listed) {
  Kept* const kept = Find(offset);
  if (kept == nullptr || !kept->IsOf(listed.listing)) return std::nullopt;
  kept->Take(listed);
  return kept->At(offset);
}

void DirectoryStreams::Expire() {
  for (Kept& kept : kept_) kept.valid_until = TimePoint{};
}

void StreamedListings::Use(const ListingPtr& listing) {
  Order dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  if (!kept_.empty() && kept_.front() == listing) return;
  if (const auto place = places_.find(listing.get()); place != places_.end()) {
    kept_.splice(kept_.begin(), kept_, place->second);
    return;
  }
  kept_.push_front(listing);
  places_.emplace(listing.get(), kept_.begin());
  bytes_ += listing->charge();
  while (bytes_ > kMostBytes && kept_.size() > 1) {
    bytes_ -= kept_.back()->charge();
    places_.erase(kept_.back().get());
    dropped.splice(dropped.end(), kept_, std::prev(kept_.end()));
  }
}

void StreamedListings::Drop(const ListingPtr& listing) {
  Order dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(listing.get());
  if (place == places_.end()) return;
  bytes_ -= listing->charge();
  dropped.splice(dropped.end(), kept_, place->second);
  places_.erase(place);
}

}  // namespace copper::fuse
