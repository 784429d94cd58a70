// The messages of the end and of a refresh, whose payloads are numbers and lists of ranks.
#include <algorithm>

#include "expect.h"
#include "job/ending_messages.h"

using namespace copper;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint32_t kRanks = 1000;
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  const job::Served served = job::UnpackServed(payload);
  const job::Remarks remarks = job::UnpackRemarks(payload, kRanks);
  for (const auto& ranks : {remarks.lost, remarks.still_mounted}) {
    EXPECT_ALWAYS(ranks.empty() || *ranks.rbegin() < kRanks);
  }
  const std::string packed = job::PackLeft(served, remarks);
  EXPECT_ALWAYS(packed.size() <= wire::kMaxRequestPayload && job::UnpackServed(packed) == served);
  const std::vector<Rank> ranks = job::UnpackRanks(std::as_bytes(std::span(data, size)), kRanks);
  const std::vector<std::byte> again = job::PackRanks(ranks, size);
  EXPECT_ALWAYS(job::UnpackRanks(again, kRanks) == ranks);
  return 0;
}
