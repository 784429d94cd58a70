// The payloads that have structure: attributes and listings. Layout in src/wire/README.md.
#pragma once

#include "copper/base/bytes.h"
#include "copper/base/file.h"
#include "copper/base/result.h"

namespace copper::wire {

Bytes EncodeAttributes(const Attributes& attributes);
Result<Attributes> DecodeAttributes(std::span<const std::byte> bytes);  // EBADMSG

// A listing is encoded whole and travels in pieces of kChunkSize. Decoding checks every length, that names are neither
// empty nor "." nor ".." nor hold '/' or NUL, and that they are sorted.
Bytes EncodeListing(const Listing& listing);
Result<Listing> DecodeListing(std::span<const std::byte> bytes);  // EBADMSG

}  // namespace copper::wire
