// What becomes of a listing when one of its names is refreshed.
#include "listings.h"

namespace copper::fetch {

using cache::ListingEntry;

Listings::Carried Listings::Without(const std::string& path) const {
  const auto entry = Find(std::string(ParentPath(path)));
  return Without(path, entry ? entry->listing : nullptr);
}

Listings::Carried Listings::Without(const std::string& path, const ListingPtr& listing) {
  if (!listing) return {};
  auto rest = std::make_shared<Listing>(*listing);
  for (DirectoryEntry& one : rest->entries) {
    if (one.name == BaseName(path)) one.attributes.reset();
  }
  rest->answers_absence = false;
  return {listing, std::move(rest)};
}

void Listings::Carry(const std::string& path, Carried carried, cache::Epoch old, cache::Epoch now) const {
  const std::string directory(ParentPath(path));
  cache::Table<cache::PathKey, ListingEntry>& tree = context_.parts.cache.tree();
  auto entry = tree.Get({directory, old});
  if (path == "/" || !entry) return;
  if (carried.from != entry->listing) carried = Without(path, entry->listing);
  if (carried.rest) entry = ListingEntry{carried.rest, {}, TimePoint{}};
  tree.Put({directory, now}, *entry, Charge(directory, *entry));
}

}  // namespace copper::fetch
