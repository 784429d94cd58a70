// What ranks tell each other at the start: what is accepted is said again in the same way.
#include "bootstrap/messages.h"
#include "expect.h"
#include "storage/mount_digest.h"

using namespace copper::bootstrap;

namespace {

void TryMember(std::string_view input) {
  const auto member = DecodeMember(input);
  if (!member) {
    EXPECT_ALWAYS(member.error().code == EBADMSG);
    return;
  }
  const std::string said = EncodeMember(*member);
  const auto again = DecodeMember(said);
  EXPECT_ALWAYS(again && again->pid == member->pid && EncodeMember(*again) == said);
}

void TryMemberAddress(std::string_view input) {
  const auto address = DecodeMemberAddress(input);
  if (!address) {
    EXPECT_ALWAYS(address.error().code == EBADMSG);
    return;
  }
  EXPECT_ALWAYS(EncodeMemberAddress(*address) == input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  TryMember(input);
  TryMemberAddress(input);
  const std::string endpoints = EncodeEndpoints(DecodeEndpoints(input));
  EXPECT_ALWAYS(EncodeEndpoints(DecodeEndpoints(endpoints)) == endpoints);
  for (const copper::Rank rank : {0U, 1U, 1000U}) EXPECT_ALWAYS(DecodeEntry(input, rank).address.size() <= size);
  const std::string digests[] = {input, input};
  EXPECT_ALWAYS(copper::storage::CommonDigests(digests).size() <= size / 8);
  return 0;
}
