#include <dirent.h>

#include <string_view>

#include "copper/wire/payload.h"
#include "wire/attributes.h"

namespace copper::wire {
namespace {

constexpr uint8_t kAnswersAbsence = 1;  // of the listing
constexpr uint8_t kHasAttributes = 1;   // of an entry
constexpr size_t kListingHead = 8;
constexpr size_t kEntryHead = 12;
constexpr size_t kMinEntry = kEntryHead + 1;

size_t EncodedSize(const Listing& listing) {
  size_t size = kListingHead + AttributesSize(listing.directory);
  for (const DirectoryEntry& entry : listing.entries) {
    size += kEntryHead + entry.name.size() + (entry.attributes ? AttributesSize(*entry.attributes) : 0);
  }
  return size;
}

void AddEntry(const DirectoryEntry& entry, Writer& writer) {
  writer.Add(static_cast<uint16_t>(entry.name.size()));
  writer.Add(entry.type);
  writer.Add(entry.attributes ? kHasAttributes : uint8_t{0});
  writer.Add(entry.inode);
  writer.AddText(entry.name);
  if (entry.attributes) AddAttributes(*entry.attributes, writer);
}

bool IsKnownType(uint8_t type) {
  switch (type) {
    case DT_UNKNOWN:
    case DT_FIFO:
    case DT_CHR:
    case DT_DIR:
    case DT_BLK:
    case DT_REG:
    case DT_LNK:
    case DT_SOCK:
    case DT_WHT:
      return true;
    default:
      return false;
  }
}

bool IsName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') && !name.contains('\0');
}

bool TakeEntry(Reader& reader, DirectoryEntry& entry) {
  const auto name_size = reader.Take<uint16_t>();
  entry.type = reader.Take<uint8_t>();
  const auto flags = reader.Take<uint8_t>();
  entry.inode = reader.Take<uint64_t>();
  const std::string_view name = reader.TakeText(name_size);
  if (!reader.ok() || !IsKnownType(entry.type) || flags > kHasAttributes || !IsName(name)) return false;
  entry.name = name;
  return (flags & kHasAttributes) == 0 || TakeAttributes(reader, entry.attributes.emplace());
}

bool TakeEntries(Reader& reader, size_t count, std::vector<DirectoryEntry>& entries) {
  if (count > reader.left() / kMinEntry) return false;
  entries.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    DirectoryEntry& entry = entries.emplace_back();
    if (!TakeEntry(reader, entry)) return false;
    if (i > 0 && entries[i - 1].name >= entry.name) return false;
  }
  return reader.left() == 0;
}

}  // namespace

Bytes EncodeListing(const Listing& listing) {
  const size_t size = EncodedSize(listing);
  Buffer buffer = Buffer::Allocate(size);
  Writer writer(buffer.data());
  writer.Add(static_cast<uint32_t>(listing.entries.size()));
  writer.Add(uint32_t{listing.answers_absence ? kAnswersAbsence : uint8_t{0}});
  AddAttributes(listing.directory, writer);
  for (const DirectoryEntry& entry : listing.entries) AddEntry(entry, writer);
  return std::move(buffer).Freeze(size);
}

Result<Listing> DecodeListing(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Listing listing;
  const auto count = reader.Take<uint32_t>();
  const auto flags = reader.Take<uint32_t>();
  if (flags > kAnswersAbsence) return Fail(EBADMSG);
  listing.answers_absence = flags == kAnswersAbsence;
  if (!TakeAttributes(reader, listing.directory) || !listing.directory.IsDirectory()) return Fail(EBADMSG);
  if (!TakeEntries(reader, count, listing.entries)) return Fail(EBADMSG);
  return listing;
}

}  // namespace copper::wire
