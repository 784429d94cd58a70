// A message: its head, then its payload. As it is, and with the magic, version and job of this job and a tag that
// matches, as from a peer that has the key.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "copper/base/cursor.h"
#include "copper/wire/header.h"
#include "copper/wire/keys.h"
#include "copper/wire/payload.h"
#include "expect.h"

namespace {

using namespace copper;

const wire::Keys& KeysOfThisJob() {
  static const wire::Keys keys{JobIdentity{}};
  return keys;
}

void Try(std::span<const std::byte> head, std::span<const std::byte> payload, bool is_true) {
  const Result<wire::Header> header = wire::Decode(head, payload, KeysOfThisJob());
  if (!header) {
    EXPECT_ALWAYS(header.error().code == EBADMSG || header.error().code == EPERM);
    return;
  }
  const std::vector<std::byte> again = wire::Encode(*header, payload, KeysOfThisJob());
  if (is_true) EXPECT_ALWAYS(std::ranges::equal(again, head));
}

// Magic and version, the sizes and reserved bytes as they must be, and the tag that then matches.
void MakeTrue(std::span<std::byte> head, std::span<const std::byte> payload) {
  constexpr size_t kOfThisJob = 6, kFlags = 7, kJob = 8, kPayloadSize = 112, kSeal = 128, kTag = 176;
  const std::vector<std::byte> sample = wire::Encode({}, payload, KeysOfThisJob());
  const auto restore = [&](size_t from, size_t count) {
    std::copy_n(sample.begin() + from, count, head.begin() + from);
  };
  restore(0, kOfThisJob);
  restore(kJob, sizeof(JobId));
  restore(kPayloadSize, kSeal - kPayloadSize);
  restore(kSeal + sizeof(Seal), kTag - kSeal - sizeof(Seal));
  const bool large = payload.size() > wire::kHashedFrom;
  const bool sealed = (std::to_integer<uint8_t>(head[kFlags]) & wire::kSealed) != 0;
  const Seal tag =
      KeysOfThisJob().TagOf(head.first(kTag), large && sealed ? payload.first(0) : payload, large && !sealed);
  std::ranges::copy(tag, head.begin() + kTag);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span input = std::as_bytes(std::span(data, size));
  const size_t head_size = std::min(size, wire::kHeaderSize);
  const std::span payload = input.subspan(head_size);
  Try(input.first(head_size), payload, false);
  if (head_size < wire::kHeaderSize) return 0;
  std::vector<std::byte> head(input.begin(), input.begin() + wire::kHeaderSize);
  MakeTrue(head, payload);
  Try(head, payload, true);
  return 0;
}
