#include "copper/names/listing_changes.h"

#include "copper/names/listing_builder.h"

namespace copper {

Result<Listing> WithAttributes(const Listing& listing, const AttributesOf& attributes_of, bool answers_absence,
                               size_t max_bytes) {
  ListingBuilder builder(listing.directory(), max_bytes);
  for (size_t place = 0; place < listing.size(); ++place) {
    const DirectoryEntry entry = listing[place];
    const std::optional<Attributes> attributes = attributes_of(place, entry);
    const Status added = builder.Add(entry.name, entry.inode, entry.type, attributes ? &*attributes : nullptr);
    if (!added) return std::unexpected(added.error());
  }
  return builder.Build(answers_absence);
}

std::vector<std::string> AddedNames(const Listing& before, const Listing& now, size_t most) {
  std::vector<std::string> added;
  for (const DirectoryEntry entry : now.entries()) {
    if (added.size() == most) break;
    if (!before.Find(entry.name)) added.emplace_back(entry.name);
  }
  return added;
}

}  // namespace copper
