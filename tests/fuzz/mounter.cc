// What daemon and mounter say to each other: one structure a message, whose texts end in it.
#include <cstring>

#include "expect.h"
#include "mount/mounter_protocol.h"

using namespace copper::mount;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto request = TakeMounterRequest(bytes)) {
    EXPECT_ALWAYS(strnlen(request->source, sizeof request->source) < sizeof request->source);
    EXPECT_ALWAYS(strnlen(request->point, sizeof request->point) < sizeof request->point);
    EXPECT_ALWAYS(request->verb <= MounterVerb::kFarewell);
  }
  if (const auto reply = TakeMounterReply(bytes)) {
    EXPECT_ALWAYS(strnlen(reply->message, sizeof reply->message) < sizeof reply->message);
  }
  return 0;
}
