// Integers of variable length: seven bits a byte, the lowest first, the eighth says that more follow (LEB128, as in
// DWARF). Two ends: one appends to a string, one takes from bytes and never leaves them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "copper/base/cursor.h"

namespace copper::profile {

inline void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

// 0 where the bytes end too early, and the reader is not ok any more.
inline uint64_t TakeVarint(Reader& reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = reader.Take<uint8_t>();
    value |= uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) break;
  }
  return value;
}

// With its length before it.
inline void AppendText(std::string& out, std::string_view text) {
  AppendVarint(out, text.size());
  out += text;
}
inline std::string_view TakeText(Reader& reader) {
  const uint64_t size = TakeVarint(reader);
  return reader.TakeText(size);
}

}  // namespace copper::profile
