#include "streamed_listings.h"

#include <iterator>

namespace copper::fuse {

fetch::Listed StreamedListings::Find(uint64_t directory) {
  const MutexLock lock(mutex_);
  const auto place = places_.find(directory);
  return place == places_.end() ? fetch::Listed{} : place->second->listed;
}

void StreamedListings::Use(const Node& directory, const fetch::Listed& listed, uint64_t changes) {
  Order dropped;
  const MutexLock lock(mutex_);
  if (directory.changes() != changes) return;
  Take(directory.id(), dropped);
  kept_.push_front({directory.id(), listed});
  places_.emplace(directory.id(), kept_.begin());
  bytes_ += listed.listing->charge();
  while (bytes_ > kMostBytes && kept_.size() > 1) Take(std::prev(kept_.end()), dropped);
}

void StreamedListings::Drop(uint64_t directory) {
  Order dropped;
  const MutexLock lock(mutex_);
  Take(directory, dropped);
}

void StreamedListings::Outdate(Node& directory) {
  Order dropped;
  const MutexLock lock(mutex_);
  directory.NoteChange();
  Take(directory.id(), dropped);
}

void StreamedListings::Take(uint64_t directory, Order& dropped) {
  if (const auto place = places_.find(directory); place != places_.end()) Take(place->second, dropped);
}

void StreamedListings::Take(Order::iterator place, Order& dropped) {
  bytes_ -= place->listed.listing->charge();
  places_.erase(place->directory);
  dropped.splice(dropped.end(), kept_, place);
}

}  // namespace copper::fuse
