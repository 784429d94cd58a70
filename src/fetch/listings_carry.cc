// What becomes of a listing when one of its names is refreshed.
#include "listings.h"

#include "copper/base/attempt.h"
#include "copper/base/path.h"
#include "copper/names/listing_builder.h"
#include "copper/names/listing_changes.h"

namespace copper::fetch {
namespace {

using cache::ListingEntry;

// The same names, with nothing said of this one, or of absent ones.
Result<Listing> WithoutSayingOf(const Listing& listing, std::string_view name) {
  const auto attributes_of = [&](size_t, const DirectoryEntry& entry) {
    return entry.name == name ? std::nullopt : entry.attributes();
  };
  return WithAttributes(listing, attributes_of, /*answers_absence=*/false, ListingBuilder::kMaxBytes);
}

}  // namespace

Listings::Carried Listings::Without(const std::string& path) const {
  const auto entry = Find(KeyOf(ParentPath(path)));
  return Without(path, entry ? entry->listing : nullptr);
}

// Where there is no memory for it, nothing is carried.
Listings::Carried Listings::Without(const std::string& path, const ListingPtr& listing) const {
  if (!listing) return {};
  Carried carried{listing, nullptr};
  static_cast<void>(Attempt([&] {
    Result<Listing> rest = WithoutSayingOf(*listing, BaseName(path));
    if (rest) carried.rest = Share(std::string(ParentPath(path)), *std::move(rest));
  }));
  return carried;
}

void Listings::Carry(const std::string& path, Carried carried, cache::Epoch old, cache::Epoch now) const {
  const std::string directory(ParentPath(path));
  cache::Table<cache::PathKey, ListingEntry>& listings = context_.parts.cache.listings();
  auto entry = listings.Get({directory, old});
  if (path == "/" || !entry) return;
  if (carried.from != entry->listing) carried = Without(path, entry->listing);
  if (entry->listing && !carried.rest) return;
  if (carried.rest) entry = ListingEntry{carried.rest, TimePoint{}};
  listings.Put({directory, now}, *entry, Charge(directory, *entry));
}

}  // namespace copper::fetch
