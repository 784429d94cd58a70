// Listings made of listings: with other attributes, and what one has that another had not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "copper/names/listing.h"

namespace copper {

// The same names, each with the attributes that `attributes_of(place, entry)` gives; ENOMEM if it became larger than
// `max_bytes`. Throws std::bad_alloc.
using AttributesOf = std::function<std::optional<Attributes>(size_t place, const DirectoryEntry& entry)>;
Result<Listing> WithAttributes(const Listing& listing, const AttributesOf& attributes_of, bool answers_absence,
                               size_t max_bytes);

// Names of `now` that `before` has not; the first `most` of them.
std::vector<std::string> AddedNames(const Listing& before, const Listing& now, size_t most);

}  // namespace copper
