#include "copper/base/listing.h"

#include <algorithm>

#include "base/packed_listing.h"
#include "copper/base/packed_attributes.h"

namespace copper {

std::optional<Attributes> DirectoryEntry::attributes() const {
  std::optional<Attributes> unpacked;
  if (packed_attributes.empty()) return unpacked;
  Reader reader(packed_attributes);
  if (!Unpack(reader, unpacked.emplace())) unpacked.reset();
  return unpacked;
}

Listing::Listing(Bytes packed, Attributes directory, bool answers_absence, std::vector<uint32_t> offsets)
    : packed_(std::move(packed)),
      directory_(std::move(directory)),
      answers_absence_(answers_absence),
      offsets_(std::move(offsets)) {}

std::string_view Listing::NameAt(size_t at) const {
  return packed::NameOf(packed_.data() + offsets_[at]);
}

DirectoryEntry Listing::operator[](size_t at) const {
  const std::byte* const entry = packed_.data() + offsets_[at];
  const size_t end = at + 1 < offsets_.size() ? offsets_[at + 1] : packed_.size();
  const std::string_view name = packed::NameOf(entry);
  const size_t attributes = offsets_[at] + packed::kEntryHead + name.size();
  return {name, Get<uint64_t>(entry + 4), Get<uint8_t>(entry + 2),
          packed_.span().subspan(attributes, end - attributes)};
}

std::optional<DirectoryEntry> Listing::Find(std::string_view name) const {
  const auto all = std::views::iota(size_t{0}, size());
  const auto at = std::ranges::lower_bound(all, name, {}, [this](size_t i) { return NameAt(i); });
  if (at == all.end() || NameAt(*at) != name) return std::nullopt;
  return (*this)[*at];
}

size_t Listing::charge() const {
  return sizeof(Listing) + packed_.charge() + offsets_.capacity() * sizeof(offsets_[0]);
}

}  // namespace copper
