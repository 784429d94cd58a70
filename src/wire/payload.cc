#include "copper/wire/payload.h"

#include <algorithm>

#include "copper/base/attempt.h"
#include "copper/names/packed_attributes.h"

namespace copper::wire {
namespace {

constexpr uint32_t kForTheJob = UINT32_MAX;

}  // namespace

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

Result<Listing> DecodeListing(Bytes bytes) {
  return Attempt([&] { return Listing::FromBytes(std::move(bytes)); });
}

uint32_t EncodeValidity(TimePoint until, TimePoint now) {
  if (until == kNever) return kForTheJob;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(left, 0, kForTheJob - 1));
}

TimePoint DecodeValidity(uint32_t milliseconds, TimePoint now) {
  return milliseconds == kForTheJob ? kNever : now + std::chrono::milliseconds(milliseconds);
}

}  // namespace copper::wire
