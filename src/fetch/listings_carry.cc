// What becomes of a listing when one of its names is refreshed.
#include <new>

#include "copper/base/listing_builder.h"
#include "listings.h"

namespace copper::fetch {

using cache::ListingEntry;

Listings::Carried Listings::Without(const std::string& path) const {
  const auto entry = Find(std::string(ParentPath(path)));
  return Without(path, entry ? entry->listing : nullptr);
}

// One that can't be made (no memory) is not carried over.
Listings::Carried Listings::Without(const std::string& path, const ListingPtr& listing) const {
  if (!listing) return {};
  try {
    ListingBuilder rest(listing->directory(), context_.options.listing_limit_bytes);
    for (const DirectoryEntry entry : listing->entries()) {
      const auto attributes = entry.name == BaseName(path) ? std::nullopt : entry.attributes();
      const Status added = rest.Add(entry.name, entry.inode, entry.type, attributes ? &*attributes : nullptr);
      if (!added) return {listing, nullptr};
    }
    return {listing, std::make_shared<const Listing>(rest.Build(false))};
  } catch (const std::bad_alloc&) {
    return {listing, nullptr};
  }
}

void Listings::Carry(const std::string& path, Carried carried, cache::Epoch old, cache::Epoch now) const {
  const std::string directory(ParentPath(path));
  cache::Table<cache::PathKey, ListingEntry>& tree = context_.parts.cache.tree();
  const auto entry = tree.Get({directory, old});
  if (path == "/" || !entry) return;
  if (carried.from != entry->listing) carried = Without(path, entry->listing);
  if (entry->listing && !carried.rest) return;
  const ListingEntry rest = entry->listing ? ListingEntry{carried.rest, TimePoint{}} : *entry;
  tree.Put({directory, now}, rest, Charge(directory, rest));
}

}  // namespace copper::fetch
