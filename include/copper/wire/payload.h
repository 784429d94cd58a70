// The payloads that have structure: attributes and listings. Layout in src/wire/README.md.
#pragma once

#include "copper/base/bytes.h"
#include "copper/base/chunk_size.h"
#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/names/attributes.h"
#include "copper/names/listing.h"

namespace copper::wire {

// Checked: a known file type, and a target only for a symlink, without NUL.
Bytes EncodeAttributes(const Attributes& attributes);
Result<Attributes> DecodeAttributes(std::span<const std::byte> bytes);  // EBADMSG

// A listing travels as it is held, in pieces of kChunkSize: encoding and decoding copy nothing. Decoding checks all of
// it (Listing::FromBytes); what it allocates is bounded by the bytes that are there, whatever they claim.
Bytes EncodeListing(const Listing& listing);
Result<Listing> DecodeListing(Bytes bytes);  // EBADMSG, ENOMEM

// How long something is true: milliseconds from now, rounded down; UINT32_MAX: for the job (kNever).
uint32_t EncodeValidity(TimePoint until, TimePoint now);
TimePoint DecodeValidity(uint32_t milliseconds, TimePoint now);

}  // namespace copper::wire
