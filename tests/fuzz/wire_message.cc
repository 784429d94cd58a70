// A message: its head, then its payload. As it is, and with the magic, version and job of this job and a tag that
// matches, as from a peer that has the key.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "copper/base/cursor.h"
#include "copper/wire/header.h"
#include "copper/wire/payload.h"
#include "expect.h"
#include "wire/tag.h"

namespace {

using namespace copper;

const JobIdentity kJob;  // zeros

void Try(std::span<const std::byte> head, std::span<const std::byte> payload, bool is_true) {
  const Result<wire::Header> header = wire::Decode(head, payload, kJob);
  if (!header) {
    EXPECT_ALWAYS(header.error().code == EBADMSG || header.error().code == EPERM);
    return;
  }
  const std::vector<std::byte> again = wire::Encode(*header, payload, kJob.key);
  if (is_true) EXPECT_ALWAYS(std::ranges::equal(again, head));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span input = std::as_bytes(std::span(data, size));
  const size_t head_size = std::min(size, wire::kHeaderSize);
  Try(input.first(head_size), input.subspan(head_size), false);
  if (size < wire::kHeaderSize) return 0;
  std::vector<std::byte> head(input.begin(), input.begin() + wire::kHeaderSize);
  const std::span payload = input.subspan(wire::kHeaderSize);
  const std::vector<std::byte> sample = wire::Encode({}, payload, kJob.key);
  constexpr size_t kOfThisJob = 6;                      // magic and version,
  constexpr size_t kPayloadSize = 112, kItsBytes = 64;  // and from the size on: reserved bytes, all of them zero
  std::ranges::copy(std::span(sample).first(kOfThisJob), head.begin());
  std::ranges::fill(std::span(head).subspan(8, 16), std::byte{});
  std::ranges::copy(std::span(sample).subspan(kPayloadSize, kItsBytes), head.begin() + kPayloadSize);
  const std::span covered = payload.size() <= wire::kAuthenticatedPayload ? payload : payload.first(0);
  const std::span without_tag = std::span<const std::byte>(head).first(wire::kHeaderSize - wire::kTagSize);
  std::ranges::copy(wire::ComputeTag(without_tag, covered, kJob.key), head.end() - wire::kTagSize);
  Try(head, payload, true);
  return 0;
}
