// Attributes as bytes: in listings, and on the wire (layout in src/wire/README.md).
#pragma once

#include "copper/base/cursor.h"
#include "copper/names/attributes.h"

namespace copper {

inline constexpr size_t kMinPackedAttributes = 100;  // without a symlink's target

size_t PackedSize(const Attributes& attributes);
size_t PackedSize(const std::byte* packed);  // of packed ones that are known to be whole
void Pack(const Attributes& attributes, Writer& writer);
// Of bytes that nobody vouches for: false, and `attributes` of no use, unless they have a known file type, times whose
// nanoseconds are below a second, and a target only for a symlink, without NUL.
[[nodiscard]] bool Unpack(Reader& reader, Attributes& attributes);

}  // namespace copper
