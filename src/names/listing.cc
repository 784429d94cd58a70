#include "copper/names/listing.h"

#include <algorithm>

#include "copper/names/packed_attributes.h"
#include "names/name_order.h"
#include "names/packed_listing.h"

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

uint64_t Listing::HashAt(size_t at) const {
  return name_order::HashOf(NameAt(at));
}

std::optional<DirectoryEntry> Listing::Find(std::string_view name) const {
  const auto all = std::views::iota(size_t{0}, size());
  const auto at = std::ranges::lower_bound(all, name_order::KeyOf(name), {},
                                           [this](size_t i) { return name_order::KeyOf(NameAt(i)); });
  if (at == all.end() || NameAt(*at) != name) return std::nullopt;
  return (*this)[*at];
}

size_t Listing::FirstFrom(uint64_t hash) const {
  const auto all = std::views::iota(size_t{0}, size());
  return static_cast<size_t>(std::ranges::lower_bound(all, hash, {}, [this](size_t i) { return HashAt(i); }) -
                             all.begin());
}

uint64_t Listing::PositionAfter(size_t at) const {
  const uint64_t hash = HashAt(at), upper = hash >> name_order::kLowerBits;
  const auto is_like = [&](size_t other) { return HashAt(other) >> name_order::kLowerBits == upper; };
  if ((at == 0 || !is_like(at - 1)) && (at + 1 == size() || !is_like(at + 1))) return upper;
  uint64_t before = 0;  // names of the same hash
  while (before < std::min<uint64_t>(at, name_order::kMostCounted) && HashAt(at - before - 1) == hash) ++before;
  return hash << name_order::kCountBits | before;
}

size_t Listing::FirstAfter(uint64_t position) const {
  if (position <= name_order::kLastShort) return FirstFrom((position + 1) << name_order::kLowerBits);
  const uint64_t hash = position >> name_order::kCountBits, before = position & name_order::kMostCounted;
  if (before == name_order::kMostCounted) return FirstFrom(hash + 1);  // nobody counts further
  size_t at = FirstFrom(hash);
  for (uint64_t passed = 0; passed <= before && at < size() && HashAt(at) == hash; ++passed) ++at;
  return at;
}

size_t Listing::charge() const {
  return sizeof(Listing) + packed_.charge() + offsets_.capacity() * sizeof(offsets_[0]);
}

}  // namespace copper
