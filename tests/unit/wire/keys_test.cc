#include "copper/wire/keys.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "copper/base/chunk_size.h"
#include "copper/wire/header.h"

namespace copper::wire {
namespace {

class KeysTest : public testing::Test {
 protected:
  static JobIdentity JobOf(uint8_t seed) {
    JobIdentity job;
    job.key.fill(std::byte{seed});
    return job;
  }

  Bytes RandomBytes(size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
    return Bytes::Copy(bytes);
  }

  static Bytes Flipped(const Bytes& bytes, size_t bit) {
    std::vector<std::byte> changed(bytes.span().begin(), bytes.span().end());
    changed[bit / 8] ^= std::byte{1} << bit % 8;
    return Bytes::Copy(changed);
  }

  std::mt19937_64 random_{1};
  const Keys keys_{JobOf(1)};
  const Subject subject_{.kind = Kind::kRead, .path = "/a/b", .version = {1, 2, {}}, .number = 4};
};

TEST_F(KeysTest, EqualBytesHaveEqualSealsWhoeverMadeThem) {
  const Bytes bytes = RandomBytes(100'000);
  const Seal seal = keys_.SealOf(subject_, bytes);
  EXPECT_EQ(seal, Keys(JobOf(1)).SealOf(subject_, Bytes::Copy(bytes.span())));
  EXPECT_TRUE(keys_.IsSealed(subject_, bytes, seal));
}

TEST_F(KeysTest, EveryChangedBitIsFound) {
  const Bytes bytes = RandomBytes(100);
  const Seal seal = keys_.SealOf(subject_, bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    EXPECT_FALSE(keys_.IsSealed(subject_, Flipped(bytes, bit), seal)) << bit;
  }
  for (size_t byte = 0; byte < seal.size(); ++byte) {
    Seal other = seal;
    other[byte] ^= std::byte{0x10};
    EXPECT_FALSE(keys_.IsSealed(subject_, bytes, other)) << byte;
  }
}

TEST_F(KeysTest, ChangesAnywhereInAWholeChunkAreFound) {
  const Bytes bytes = RandomBytes(kChunkSize);
  const Seal seal = keys_.SealOf(subject_, bytes);
  EXPECT_TRUE(keys_.IsSealed(subject_, bytes, seal));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(keys_.IsSealed(subject_, Flipped(bytes, random_() % (8 * kChunkSize)), seal));
  }
  EXPECT_FALSE(keys_.IsSealed(subject_, bytes.Slice(0, kChunkSize - 1), seal));
}

TEST_F(KeysTest, ASealIsOfOneThingOnly) {
  const Bytes bytes = RandomBytes(5000);
  const Seal seal = keys_.SealOf(subject_, bytes);
  std::vector<Subject> others(6, subject_);
  others[0].kind = Kind::kList;
  others[1].path = "/a/c";
  others[2].version.inode = 2;
  others[3].version.size = 3;
  others[4].number = 5;
  others[5].path = "/a/b/";
  for (const Subject& other : others) EXPECT_FALSE(keys_.IsSealed(other, bytes, seal)) << other.path;
  EXPECT_FALSE(Keys(JobOf(2)).IsSealed(subject_, bytes, seal)) << "another job's";
}

TEST_F(KeysTest, HolesAreSealedByTheirSize) {
  const Seal seal = keys_.SealOf(subject_, Bytes::Zeros(4096));
  EXPECT_TRUE(keys_.IsSealed(subject_, Bytes::Zeros(4096), seal));
  EXPECT_FALSE(keys_.IsSealed(subject_, Bytes::Zeros(4095), seal));
  EXPECT_FALSE(keys_.IsSealed(subject_, RandomBytes(4096), seal));
}

}  // namespace
}  // namespace copper::wire
