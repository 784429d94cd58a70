// The one way in for listings from elsewhere.
#include <dirent.h>

#include "copper/names/listing.h"
#include "copper/names/packed_attributes.h"
#include "names/name_order.h"
#include "names/packed_listing.h"

namespace copper {
namespace {

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

// The name of the next entry; empty: there is none that may be believed.
std::string_view TakeEntry(Reader& reader) {
  const auto name_size = reader.Take<uint16_t>();
  const auto type = reader.Take<uint8_t>();
  const auto flags = reader.Take<uint8_t>();
  reader.Take<uint64_t>();  // any inode
  const std::string_view name = reader.TakeText(name_size);
  if (!reader.ok() || !IsKnownType(type) || flags > packed::kHasAttributes || !IsName(name)) return {};
  Attributes attributes;
  if (flags == packed::kHasAttributes && !Unpack(reader, attributes)) return {};
  return name;
}

// Where each entry begins.
Result<std::vector<uint32_t>> IndexOf(Reader& reader, size_t size, size_t count) {
  if (count > reader.left() / packed::kMinEntry) return Fail(EBADMSG);
  std::vector<uint32_t> offsets;
  offsets.reserve(count);
  for (name_order::Key before; offsets.size() < count;) {
    offsets.push_back(static_cast<uint32_t>(size - reader.left()));
    const name_order::Key key = name_order::KeyOf(TakeEntry(reader));
    if (key.name.empty() || before >= key) return Fail(EBADMSG);
    before = key;
  }
  if (reader.left() != 0) return Fail(EBADMSG);
  return offsets;
}

}  // namespace

Result<Listing> Listing::FromBytes(Bytes packed) {
  if (packed.size() > UINT32_MAX) return Fail(EBADMSG);
  Reader reader(packed.span());
  const auto count = reader.Take<uint32_t>();
  const auto flags = reader.Take<uint32_t>();
  Attributes directory;
  if (flags > packed::kAnswersAbsence || !Unpack(reader, directory) || !directory.IsDirectory()) return Fail(EBADMSG);
  Result<std::vector<uint32_t>> offsets = IndexOf(reader, packed.size(), count);
  if (!offsets) return std::unexpected(offsets.error());
  return Listing(std::move(packed), std::move(directory), flags == packed::kAnswersAbsence, *std::move(offsets));
}

}  // namespace copper
