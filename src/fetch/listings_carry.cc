// What becomes of a listing when one of its names is refreshed.
#include "listings.h"

#include "copper/base/attempt.h"
#include "copper/base/path.h"
#include "copper/names/listing_builder.h"

namespace copper::fetch {
namespace {

using cache::ListingEntry;

// The same names, with nothing said of this one, or of absent ones. Nothing if it can't be packed.
std::optional<Listing> Repack(const Listing& listing, std::string_view name) {
  ListingBuilder rest(listing.directory());
  for (const DirectoryEntry entry : listing.entries()) {
    const std::optional<Attributes> attributes = entry.name == name ? std::nullopt : entry.attributes();
    if (!rest.Add(entry.name, entry.inode, entry.type, attributes ? &*attributes : nullptr)) return std::nullopt;
  }
  return rest.Build(/*answers_absence=*/false);
}

}  // namespace

Listings::Carried Listings::Without(const std::string& path) const {
  const auto entry = Find(std::string(ParentPath(path)));
  return Without(path, entry ? entry->listing : nullptr);
}

// Where there is no memory for it, nothing is carried.
Listings::Carried Listings::Without(const std::string& path, const ListingPtr& listing) const {
  if (!listing) return {};
  Carried carried{listing, nullptr};
  static_cast<void>(Attempt([&] {
    std::optional<Listing> rest = Repack(*listing, BaseName(path));
    if (rest) carried.rest = Share(std::string(ParentPath(path)), *std::move(rest));
  }));
  return carried;
}

void Listings::Carry(const std::string& path, Carried carried, cache::Epoch old, cache::Epoch now) const {
  const std::string directory(ParentPath(path));
  cache::Table<cache::PathKey, ListingEntry>& tree = context_.parts.cache.tree();
  auto entry = tree.Get({directory, old});
  if (path == "/" || !entry) return;
  if (carried.from != entry->listing) carried = Without(path, entry->listing);
  if (entry->listing && !carried.rest) return;
  if (carried.rest) entry = ListingEntry{carried.rest, TimePoint{}};
  tree.Put({directory, now}, *entry, Charge(directory, *entry));
}

}  // namespace copper::fetch
