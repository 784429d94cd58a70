// Attributes inside other payloads.
#pragma once

#include "copper/base/file.h"
#include "wire/cursor.h"

namespace copper::wire {

inline constexpr size_t kMinAttributesSize = 88;  // without a symlink's target

size_t AttributesSize(const Attributes& attributes);
void AddAttributes(const Attributes& attributes, Writer& writer);
bool TakeAttributes(Reader& reader, Attributes& attributes);

}  // namespace copper::wire
