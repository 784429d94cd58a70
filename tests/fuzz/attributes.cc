// Attributes: what is accepted is encoded into the same bytes.
#include <algorithm>

#include "copper/wire/payload.h"
#include "expect.h"

using namespace copper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span input = std::as_bytes(std::span(data, size));
  const Result<Attributes> attributes = wire::DecodeAttributes(input);
  if (!attributes) {
    EXPECT_ALWAYS(attributes.error().code == EBADMSG);
    return 0;
  }
  EXPECT_ALWAYS(std::ranges::equal(wire::EncodeAttributes(*attributes).span(), input));
  return 0;
}
