// A packed listing, as a child takes it: what is accepted can be read to its last byte, and its readers come to an end.
#include <string>

#include "copper/wire/payload.h"
#include "expect.h"

using namespace copper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<Listing> listing = wire::DecodeListing(Bytes::Copy(std::as_bytes(std::span(data, size))));
  if (!listing) {
    EXPECT_ALWAYS(listing.error().code == EBADMSG || listing.error().code == ENOMEM);
    return 0;
  }
  EXPECT_ALWAYS(listing->FirstAfter(0) == 0);
  for (size_t at = 0; at < listing->size(); ++at) {
    const DirectoryEntry entry = (*listing)[at];
    EXPECT_ALWAYS(entry.attributes().has_value() == entry.has_attributes());
    EXPECT_ALWAYS(listing->Find(entry.name)->name.data() == entry.name.data());
    const uint64_t position = listing->PositionAfter(at);
    EXPECT_ALWAYS(position > Listing::kBeforeNames && position <= uint64_t{INT64_MAX});
    EXPECT_ALWAYS(listing->FirstAfter(position) == at + 1);
  }
  const std::string name(reinterpret_cast<const char*>(data), size % 300 < size ? size % 300 : size);
  const auto found = listing->Find(name);
  EXPECT_ALWAYS(!found || found->name == name);
  return 0;
}
