// The payloads that have structure: attributes and listings. Layout in src/wire/README.md.
#pragma once

#include "copper/base/bytes.h"
#include "copper/base/file.h"
#include "copper/base/result.h"

namespace copper::wire {

// Checked: a known file type, and a target only for a symlink, without NUL.
Bytes EncodeAttributes(const Attributes& attributes);
Result<Attributes> DecodeAttributes(std::span<const std::byte> bytes);  // EBADMSG

// A listing is encoded whole and travels in pieces of kChunkSize. Decoding checks every length, that it is of a
// directory, that names are neither empty nor "." nor ".." nor hold '/' or NUL, that they are sorted, and types. What
// it allocates is bounded by the bytes that are there, whatever they claim.
Bytes EncodeListing(const Listing& listing);
Result<Listing> DecodeListing(std::span<const std::byte> bytes);  // EBADMSG

}  // namespace copper::wire
