#include "copper/wire/payload.h"

#include <new>

#include "copper/names/packed_attributes.h"

namespace copper::wire {

Bytes EncodeAttributes(const Attributes& attributes) {
  const size_t size = PackedSize(attributes);
  Buffer buffer = Buffer::Allocate(size);
  Writer writer(buffer.data());
  Pack(attributes, writer);
  return std::move(buffer).Freeze(size);
}

Result<Attributes> DecodeAttributes(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Attributes attributes;
  if (!Unpack(reader, attributes) || reader.left() != 0) return Fail(EBADMSG);
  return attributes;
}

Bytes EncodeListing(const Listing& listing) {
  return listing.packed();
}

Result<Listing> DecodeListing(Bytes bytes) try {
  return Listing::FromBytes(std::move(bytes));
} catch (const std::bad_alloc&) {
  return Fail(ENOMEM);
}

}  // namespace copper::wire
