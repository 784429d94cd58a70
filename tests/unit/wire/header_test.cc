#include "copper/wire/header.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace copper::wire {
namespace {

using Random = std::mt19937_64;

std::vector<std::byte> RandomBytes(Random& random, size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

JobIdentity RandomJob(Random& random) {
  JobIdentity job;
  for (std::byte& byte : job.id) byte = static_cast<std::byte>(random());
  for (std::byte& byte : job.key) byte = static_cast<std::byte>(random());
  return job;
}

FileTime RandomTime(Random& random) {
  return {static_cast<int64_t>(random()), static_cast<uint32_t>(random() % FileTime::kPerSecond)};
}

Header RandomHeader(Random& random, const JobIdentity& job) {
  Header header;
  header.kind = static_cast<Kind>(1 + random() % 10);
  header.flags = random() % 2 == 0 ? 0 : static_cast<uint8_t>(kReply | (random() % 8) | (random() % 2 * kSealed));
  header.job = job.id;
  header.origin = static_cast<Rank>(random());
  header.to = static_cast<Rank>(random());
  header.request_id = random();
  header.sequence = random();
  header.remaining_ms = static_cast<uint32_t>(random());
  header.hops = static_cast<uint16_t>(random());
  header.credits = static_cast<uint16_t>(random());
  header.error = static_cast<int32_t>(random() % 4096);
  header.version = {random(), random(), RandomTime(random)};
  header.ctime = RandomTime(random);
  header.argument = random();
  header.argument2 = static_cast<uint32_t>(random());
  if ((header.flags & kSealed) != 0) {
    for (std::byte& byte : header.seal) byte = static_cast<std::byte>(random());
  }
  return header;
}

int ErrorOf(const Result<Header>& result) {
  return result ? 0 : result.error().code;
}

class HeaderTest : public testing::Test {
 protected:
  // What Decode says of a valid header with `size` bytes set to `value` at `offset`, under a tag that is right for it.
  int DecodePatched(size_t offset, uint8_t value, bool reply) {
    Header header = RandomHeader(random_, job_);
    header.flags = reply ? kReply : 0;
    header.seal = {};
    const auto payload = RandomBytes(random_, 40);
    auto head = Encode(header, payload, keys_);
    head[offset] = static_cast<std::byte>(value);
    return ErrorOf(Decode(head, payload, keys_));
  }

  Random random_{20260322};
  const JobIdentity job_ = RandomJob(random_);
  const Keys keys_{job_};
};

TEST_F(HeaderTest, RoundTripsWithPayloadsOfAllSizes) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100}, kHashedFrom, kHashedFrom + 1, kMaxRequestPayload}) {
    const auto payload = RandomBytes(random_, size);
    for (int i = 0; i < 200; ++i) {
      const Header header = RandomHeader(random_, job_);
      const auto head = Encode(header, payload, keys_);
      ASSERT_EQ(head.size(), kHeaderSize);
      const Result<Header> decoded = Decode(head, payload, keys_);
      ASSERT_TRUE(decoded) << decoded.error().code;
      EXPECT_EQ(*decoded, header);
    }
  }
}

// The layout is a promise to other versions: this is the example in src/wire/README.md.
TEST_F(HeaderTest, LayoutIsAsDocumented) {
  Header header;
  header.kind = Kind::kRead;
  header.flags = kReply | kSealed;
  for (size_t i = 0; i < header.job.size(); ++i) header.job[i] = static_cast<std::byte>(0xa0 + i);
  header.origin = 0x01020304;
  header.request_id = 0x2122232425262728;
  header.to = 0x31323334;
  header.remaining_ms = 0x41424344;
  header.hops = 0x5354;
  header.credits = 0x5556;
  header.error = 0x0261;
  header.argument2 = 0x71727374;
  header.version = {0x8182838485868788, 0x9192939495969798, {-2, 0x21222324}};
  header.ctime = {-3, 0x31323334};
  header.argument = 0xb1b2b3b4b5b6b7b8;
  header.sequence = 0xc1c2c3c4c5c6c7c8;
  for (size_t i = 0; i < header.seal.size(); ++i) header.seal[i] = static_cast<std::byte>(0xd0 + i);
  const auto head = Encode(header, RandomBytes(random_, 7), keys_);
  const auto expected = std::to_array<uint8_t>(
      {'C',  'u',  'C',  'r',  3,    0,    3,    17,  // magic .. flags
       0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,  // job
       0x04, 0x03, 0x02, 0x01, 0x34, 0x33, 0x32, 0x31,                                                  // origin, to
       0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21,                                                  // request id
       0xc8, 0xc7, 0xc6, 0xc5, 0xc4, 0xc3, 0xc2, 0xc1,                                                  // sequence
       0x44, 0x43, 0x42, 0x41, 0x54, 0x53, 0x56, 0x55,  // remaining, hops, credits
       0x61, 0x02, 0,    0,    0x74, 0x73, 0x72, 0x71,  // error, argument2
       0x88, 0x87, 0x86, 0x85, 0x84, 0x83, 0x82, 0x81,  // inode
       0x98, 0x97, 0x96, 0x95, 0x94, 0x93, 0x92, 0x91,  // size
       0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // mtime, seconds
       0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  // ctime, seconds
       0x24, 0x23, 0x22, 0x21, 0x34, 0x33, 0x32, 0x31,  // their nanoseconds
       0xb8, 0xb7, 0xb6, 0xb5, 0xb4, 0xb3, 0xb2, 0xb1,  // argument
       7,    0,    0,    0,    0,    0,    0,    0,     // payload size
       0,    0,    0,    0,    0,    0,    0,    0,    0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7,
       0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,  // seal
       0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
       0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0});
  ASSERT_EQ(expected.size(), 176U);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::to_integer<uint8_t>(head[i]), expected[i]) << "at offset " << i;
  }
}

TEST_F(HeaderTest, EveryFlippedBitIsRejected) {
  for (const uint8_t flags : {uint8_t{0}, uint8_t{kReply}}) {
    Header header = RandomHeader(random_, job_);
    header.flags = flags;
    header.seal = {};
    auto payload = RandomBytes(random_, 33);
    auto head = Encode(header, payload, keys_);
    for (auto* bytes : {&head, &payload}) {
      for (size_t bit = 0; bit < bytes->size() * 8; ++bit) {
        (*bytes)[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        EXPECT_FALSE(Decode(head, payload, keys_)) << "bit " << bit << " of " << bytes->size() << " bytes";
        (*bytes)[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      }
    }
    EXPECT_TRUE(Decode(head, payload, keys_));
  }
}

TEST_F(HeaderTest, EveryTruncationIsRejected) {
  const auto payload = RandomBytes(random_, 50);
  const auto head = Encode(RandomHeader(random_, job_), payload, keys_);
  const std::span<const std::byte> whole(head);
  for (size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(ErrorOf(Decode(whole.first(size), payload, keys_)), EBADMSG);
  }
  for (size_t size = 0; size < payload.size(); ++size) {
    EXPECT_EQ(ErrorOf(Decode(head, std::span(payload).first(size), keys_)), EBADMSG);
  }
  auto longer = head;
  longer.push_back(std::byte{0});
  EXPECT_EQ(ErrorOf(Decode(longer, payload, keys_)), EBADMSG);
}

TEST_F(HeaderTest, ForeignJobsAndWrongKeysAreForeign) {
  const auto payload = RandomBytes(random_, 50);
  const auto head = Encode(RandomHeader(random_, job_), payload, keys_);
  JobIdentity other_id = job_;
  other_id.id[15] ^= std::byte{1};
  JobIdentity other_key = job_;
  other_key.key[31] ^= std::byte{1};
  EXPECT_EQ(ErrorOf(Decode(head, payload, Keys(other_id))), EPERM);
  EXPECT_EQ(ErrorOf(Decode(head, payload, Keys(other_key))), EPERM);
  EXPECT_EQ(ErrorOf(Decode(head, payload, keys_)), 0);
}

TEST_F(HeaderTest, ParseErrorsAreUnparsable) {
  EXPECT_EQ(DecodePatched(0, 'X', false), EBADMSG);  // magic
  EXPECT_EQ(DecodePatched(4, 2, false), EBADMSG);    // an earlier version
  EXPECT_EQ(DecodePatched(4, 4, false), EBADMSG);    // a later one
  EXPECT_EQ(DecodePatched(6, 0, false), EBADMSG);    // kinds
  EXPECT_EQ(DecodePatched(6, 14, false), EBADMSG);
  EXPECT_EQ(DecodePatched(7, 33, true), EBADMSG);                // an unknown flag
  EXPECT_EQ(DecodePatched(7, kZeros, true), EBADMSG);            // a reply's flag in a request
  EXPECT_EQ(DecodePatched(7, kReply | kAsRoot, true), EBADMSG);  // and a request's in a reply
  EXPECT_EQ(DecodePatched(7, kAsRoot, false), EPERM);            // its own is none the worse for it
  EXPECT_EQ(DecodePatched(116, 1, false), EBADMSG);              // reserved
  EXPECT_EQ(DecodePatched(127, 1, false), EBADMSG);
  EXPECT_EQ(DecodePatched(144, 1, false), EBADMSG);
  EXPECT_EQ(DecodePatched(175, 1, false), EBADMSG);
  EXPECT_EQ(DecodePatched(99, 0x40, false), EBADMSG);   // nanoseconds from a second on: of mtime
  EXPECT_EQ(DecodePatched(103, 0x40, false), EBADMSG);  // and of ctime
  EXPECT_EQ(DecodePatched(128, 1, true), EBADMSG);      // a seal of nothing
  EXPECT_EQ(DecodePatched(57, 0x10, true), EBADMSG);    // errno from 4096 on
  EXPECT_EQ(DecodePatched(59, 0x80, true), EBADMSG);    // a negative one
  EXPECT_EQ(DecodePatched(112, 41, false), EBADMSG);    // payload size
  EXPECT_EQ(DecodePatched(24, 0, false) | DecodePatched(191, 0, false), EPERM);
}

// Whoever holds the key makes messages that are well tagged and still too large.
TEST_F(HeaderTest, PayloadLimitsHold) {
  Header header = RandomHeader(random_, job_);
  header.flags = 0;
  header.seal = {};
  auto payload = RandomBytes(random_, kMaxRequestPayload + 1);
  EXPECT_EQ(ErrorOf(Decode(Encode(header, payload, keys_), payload, keys_)), EBADMSG);
  header.flags = kReply;
  EXPECT_EQ(ErrorOf(Decode(Encode(header, payload, keys_), payload, keys_)), 0);
  payload.resize(kMaxPayload);
  EXPECT_EQ(ErrorOf(Decode(Encode(header, payload, keys_), payload, keys_)), 0);
  payload.resize(kMaxPayload + 1);
  EXPECT_EQ(ErrorOf(Decode(Encode(header, payload, keys_), payload, keys_)), EBADMSG);
}

// Nothing travels uncovered: what no seal covers is under the tag, whatever its size.
TEST_F(HeaderTest, EveryPayloadIsCovered) {
  Header header = RandomHeader(random_, job_);
  header.seal = {};
  for (const uint8_t flags : {uint8_t{0}, uint8_t{kReply}}) {
    header.flags = flags;
    for (const size_t size : {size_t{1}, kHashedFrom, kHashedFrom + 1, kMaxRequestPayload}) {
      auto payload = RandomBytes(random_, size);
      const auto head = Encode(header, payload, keys_);
      for (const size_t at : {size_t{0}, size / 2, size - 1}) {
        payload[at] ^= std::byte{1};
        EXPECT_EQ(ErrorOf(Decode(head, payload, keys_)), EPERM) << at << " of " << size;
        payload[at] ^= std::byte{1};
      }
      EXPECT_EQ(ErrorOf(Decode(head, payload, keys_)), 0);
    }
  }
}

// A sealed payload is hashed once, by whoever asked for it; the tag covers its seal.
TEST_F(HeaderTest, SealsAreCoveredAndWhatTheySealIsLeftToThem) {
  Header header = RandomHeader(random_, job_);
  header.flags = kReply | kSealed;
  auto payload = RandomBytes(random_, kHashedFrom + 1);
  auto head = Encode(header, payload, keys_);
  payload.back() ^= std::byte{1};
  EXPECT_EQ(ErrorOf(Decode(head, payload, keys_)), 0);
  head[128] ^= std::byte{1};
  EXPECT_EQ(ErrorOf(Decode(head, payload, keys_)), EPERM);
}

TEST_F(HeaderTest, GarbageIsRejected) {
  for (int i = 0; i < 100'000; ++i) {
    auto head = RandomBytes(random_, i % 4 == 0 ? random_() % 200 : kHeaderSize);
    const auto payload = RandomBytes(random_, random_() % 64);
    if (i % 2 == 0 && head.size() == kHeaderSize) {  // gets past the first checks, but has no tag
      const auto good = Encode(RandomHeader(random_, job_), payload, keys_);
      std::copy_n(good.begin(), random_() % (kHeaderSize - sizeof(Seal)), head.begin());
    }
    ASSERT_FALSE(Decode(head, payload, keys_));
  }
}

}  // namespace
}  // namespace copper::wire
