#include "copper/wire/header.h"

#include <algorithm>

#include "copper/base/cursor.h"

namespace copper::wire {
namespace {

// Where each field begins; src/wire/README.md has the same table with what the fields mean.
namespace at {
constexpr size_t kMagic = 0;
constexpr size_t kVersion = 4;
constexpr size_t kKind = 6;
constexpr size_t kFlags = 7;
constexpr size_t kJob = 8;
constexpr size_t kOrigin = 24;
constexpr size_t kTo = 28;
constexpr size_t kRequestId = 32;
constexpr size_t kSequence = 40;
constexpr size_t kRemaining = 48;
constexpr size_t kHops = 52;
constexpr size_t kCredits = 54;
constexpr size_t kError = 56;
constexpr size_t kArgument2 = 60;
constexpr size_t kInode = 64;
constexpr size_t kSize = 72;
constexpr size_t kMtime = 80;
constexpr size_t kCtime = 88;
constexpr size_t kMtimeNanoseconds = 96;
constexpr size_t kCtimeNanoseconds = 100;
constexpr size_t kArgument = 104;
constexpr size_t kPayloadSize = 112;
constexpr size_t kReserved1 = 116;
constexpr size_t kSeal = 128;
constexpr size_t kReserved2 = 144;
constexpr size_t kTag = 176;
}  // namespace at
static_assert(at::kTag + sizeof(Seal) == kHeaderSize);

constexpr uint32_t kMagic = 0x7243'7543;  // "CuCr"
constexpr uint8_t kFlagsOfReplies = kReply | kUnchanged | kZeros | kSealed;
constexpr uint8_t kFlagsOfRequests = kAsRoot;
constexpr int32_t kMaxErrno = 4095;  // as in the kernel

void PutFields(const Header& header, std::byte* head) {
  Put(head + at::kMagic, kMagic);
  Put(head + at::kVersion, kVersion);
  Put(head + at::kKind, static_cast<uint8_t>(header.kind));
  Put(head + at::kFlags, header.flags);
  std::ranges::copy(header.job, head + at::kJob);
  Put(head + at::kOrigin, header.origin);
  Put(head + at::kTo, header.to);
  Put(head + at::kRequestId, header.request_id);
  Put(head + at::kSequence, header.sequence);
  Put(head + at::kRemaining, header.remaining_ms);
  Put(head + at::kHops, header.hops);
  Put(head + at::kCredits, header.credits);
  Put(head + at::kError, header.error);
  Put(head + at::kArgument2, header.argument2);
  Put(head + at::kInode, header.version.inode);
  Put(head + at::kSize, header.version.size);
  Put(head + at::kMtime, header.version.mtime.seconds);
  Put(head + at::kMtimeNanoseconds, header.version.mtime.nanoseconds);
  Put(head + at::kCtime, header.ctime.seconds);
  Put(head + at::kCtimeNanoseconds, header.ctime.nanoseconds);
  Put(head + at::kArgument, header.argument);
  std::ranges::copy(header.seal, head + at::kSeal);
}

Header GetFields(const std::byte* head) {
  Header header;
  header.kind = static_cast<Kind>(Get<uint8_t>(head + at::kKind));
  header.flags = Get<uint8_t>(head + at::kFlags);
  std::copy_n(head + at::kJob, header.job.size(), header.job.begin());
  header.origin = Get<uint32_t>(head + at::kOrigin);
  header.to = Get<uint32_t>(head + at::kTo);
  header.request_id = Get<uint64_t>(head + at::kRequestId);
  header.sequence = Get<uint64_t>(head + at::kSequence);
  header.remaining_ms = Get<uint32_t>(head + at::kRemaining);
  header.hops = Get<uint16_t>(head + at::kHops);
  header.credits = Get<uint16_t>(head + at::kCredits);
  header.error = Get<int32_t>(head + at::kError);
  header.argument2 = Get<uint32_t>(head + at::kArgument2);
  header.version.inode = Get<uint64_t>(head + at::kInode);
  header.version.size = Get<uint64_t>(head + at::kSize);
  header.version.mtime.seconds = Get<int64_t>(head + at::kMtime);
  header.version.mtime.nanoseconds = Get<uint32_t>(head + at::kMtimeNanoseconds);
  header.ctime.seconds = Get<int64_t>(head + at::kCtime);
  header.ctime.nanoseconds = Get<uint32_t>(head + at::kCtimeNanoseconds);
  header.argument = Get<uint64_t>(head + at::kArgument);
  std::copy_n(head + at::kSeal, header.seal.size(), header.seal.begin());
  return header;
}

bool IsKnownKind(Kind kind) {
  return kind >= Kind::kLook && kind <= Kind::kCompare;
}

bool AreFlagsSound(const Header& header) {
  return (header.flags & ~(header.IsReply() ? kFlagsOfReplies : kFlagsOfRequests)) == 0;
}

bool IsReservedZero(std::span<const std::byte> head) {
  return IsZero(head.subspan(at::kReserved1, at::kSeal - at::kReserved1)) &&
         IsZero(head.subspan(at::kReserved2, at::kTag - at::kReserved2));
}

bool IsSeal(const Header& header) {
  return (header.flags & kSealed) != 0 || header.seal == Seal{};
}

bool IsSound(const Header& header, std::span<const std::byte> head, size_t payload_size) {
  return Get<uint32_t>(head.data() + at::kMagic) == kMagic && Get<uint16_t>(head.data() + at::kVersion) == kVersion &&
         IsKnownKind(header.kind) && AreFlagsSound(header) && header.error >= 0 && header.error <= kMaxErrno &&
         header.version.mtime.IsSound() && header.ctime.IsSound() && IsReservedZero(head) && IsSeal(header) &&
         Get<uint32_t>(head.data() + at::kPayloadSize) == payload_size &&
         payload_size <= (header.IsReply() ? kMaxPayload : kMaxRequestPayload);
}

Seal TagOf(const Header& header, std::span<const std::byte> head, std::span<const std::byte> payload,
           const Keys& keys) {
  const bool large = payload.size() > kHashedFrom;
  const bool sealed = (header.flags & kSealed) != 0;
  return keys.TagOf(head.first(at::kTag), large && sealed ? payload.first(0) : payload, large && !sealed);
}

}  // namespace

std::vector<std::byte> Encode(const Header& header, std::span<const std::byte> payload, const Keys& keys) {
  std::vector<std::byte> head(kHeaderSize);
  PutFields(header, head.data());
  Put(head.data() + at::kPayloadSize, static_cast<uint32_t>(payload.size()));
  std::ranges::copy(TagOf(header, head, payload, keys), head.data() + at::kTag);
  return head;
}

Result<Header> Decode(std::span<const std::byte> head, std::span<const std::byte> payload, const Keys& keys) {
  if (head.size() != kHeaderSize) return Fail(EBADMSG);
  const Header header = GetFields(head.data());
  if (!IsSound(header, head, payload.size())) return Fail(EBADMSG);
  if (header.job != keys.job()) return Fail(EPERM);
  Seal tag;
  std::ranges::copy(head.subspan<at::kTag, sizeof(Seal)>(), tag.begin());
  if (!SameBytes(tag, TagOf(header, head, payload, keys))) return Fail(EPERM);
  return header;
}

}  // namespace copper::wire
