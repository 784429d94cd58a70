#include "copper/base/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "copper/base/chunk_size.h"

namespace copper {
namespace {

Bytes FromText(const std::string& text) {
  return Bytes::Copy(std::as_bytes(std::span(text)));
}
std::string ToText(const Bytes& bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

TEST(Bytes, FreezeSharesWithoutACopy) {
  Buffer buffer = Buffer::Allocate(100);
  EXPECT_TRUE(buffer);
  EXPECT_EQ(buffer.size(), 100U);
  const std::byte* memory = buffer.data();
  std::memset(buffer.data(), 'x', 10);
  const Bytes bytes = std::move(buffer).Freeze(10);
  EXPECT_EQ(bytes.data(), memory);
  EXPECT_EQ(bytes.size(), 10U);
  EXPECT_EQ(bytes.charge(), 100U) << "what is held, not what is used";
  EXPECT_FALSE(buffer);  // NOLINT: what is left of it is part of the contract
}

TEST(Bytes, LargeBuffersArePageAligned) {
  for (const size_t size : {size_t{64} * 1024, size_t{64} * 1024 + 1, kChunkSize}) {
    const Buffer buffer = Buffer::Allocate(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0U) << size;
  }
  EXPECT_TRUE(Buffer::Allocate(0));
}

TEST(Bytes, SlicesShareAndAreCut) {
  Bytes slice;
  {
    const Bytes whole = FromText("hello world");
    slice = whole.Slice(6, 100);
    EXPECT_EQ(slice.data(), whole.data() + 6);
    EXPECT_EQ(ToText(whole.Slice(0, 5)), "hello");
    EXPECT_TRUE(whole.Slice(11, 1).empty());
    EXPECT_TRUE(whole.Slice(SIZE_MAX, SIZE_MAX).empty());
    EXPECT_EQ(ToText(whole.Slice(2, SIZE_MAX)), "llo world");
  }
  EXPECT_EQ(ToText(slice), "world") << "it outlives what it was cut from";
}

TEST(Bytes, ZerosAreSharedUpToAChunk) {
  const Bytes one = Bytes::Zeros(kChunkSize);
  const Bytes two = Bytes::Zeros(5);
  EXPECT_EQ(one.data(), two.data());
  EXPECT_EQ(one.charge(), 0U);
  EXPECT_TRUE(IsZero(one.span()));
  const Bytes large = Bytes::Zeros(kChunkSize + 1);
  EXPECT_EQ(large.size(), kChunkSize + 1);
  EXPECT_TRUE(IsZero(large.span()));
}

TEST(Bytes, IsZeroFindsEveryOtherByte) {
  std::string text(300, '\0');
  EXPECT_TRUE(IsZero(std::as_bytes(std::span(text))));
  EXPECT_TRUE(IsZero({}));
  for (const size_t at : {0U, 1U, 150U, 299U}) {
    text[at] = 1;
    EXPECT_FALSE(IsZero(std::as_bytes(std::span(text)))) << at;
    text[at] = 0;
  }
  const std::string same(100, 'x');
  EXPECT_FALSE(IsZero(std::as_bytes(std::span(same))));
}

}  // namespace
}  // namespace copper
