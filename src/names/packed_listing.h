// The layout of a packed listing (src/wire/README.md): a head of 8 bytes (number of entries, flags), the directory's
// attributes, and the entries, each a head of 12 bytes (size of the name, type, flags, inode), the name, attributes.
#pragma once

#include <string_view>

#include "copper/base/cursor.h"
#include "copper/names/packed_attributes.h"

namespace copper::packed {

inline constexpr uint32_t kAnswersAbsence = 1;  // flag of the listing
inline constexpr uint8_t kHasAttributes = 1;    // flag of an entry
inline constexpr size_t kHead = 8;
inline constexpr size_t kEntryHead = 12;
inline constexpr size_t kMinEntry = kEntryHead + 1;

// Of entries that are known to be whole.
inline std::string_view NameOf(const std::byte* entry) {
  return {reinterpret_cast<const char*>(entry) + kEntryHead, Get<uint16_t>(entry)};
}
inline size_t SizeOf(const std::byte* entry) {
  const size_t size = kEntryHead + Get<uint16_t>(entry);
  return Get<uint8_t>(entry + 3) == kHasAttributes ? size + PackedSize(entry + size) : size;
}

}  // namespace copper::packed
