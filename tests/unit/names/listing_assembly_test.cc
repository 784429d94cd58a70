#include "copper/names/listing_assembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace copper {
namespace {

Bytes Filled(size_t size, std::byte with) {
  return Bytes::Copy(std::vector<std::byte>(size, with));
}

TEST(ListingAssembly, PutsPiecesTogetherInWhateverOrder) {
  const size_t size = kChunkSize + 100;
  const Bytes first = Filled(kChunkSize, std::byte{1}), second = Filled(100, std::byte{2});
  ListingAssembly assembly(size, first);
  EXPECT_FALSE(assembly.Add(1, second));
  const auto whole = assembly.Add(0, first);
  ASSERT_TRUE(whole && *whole);
  ASSERT_EQ(size, (*whole)->size());
  EXPECT_TRUE(std::ranges::equal((*whole)->span().first(kChunkSize), first.span()));
  EXPECT_TRUE(std::ranges::equal((*whole)->span().subspan(kChunkSize), second.span()));
}

TEST(ListingAssembly, KeepsTheOnlyPieceIfItIsAloneInItsMemory) {
  const Bytes only = Filled(100, std::byte{1});
  ListingAssembly assembly(100, only);
  const auto whole = assembly.Add(0, only);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ(only.data(), (*whole)->data());
}

TEST(ListingAssembly, KeepsNoLargerMemoryForTheOnlyPiece) {
  const Bytes only = Filled(1000, std::byte{1}).Slice(0, 100);
  ListingAssembly assembly(100, only);
  const auto whole = assembly.Add(0, only);
  ASSERT_TRUE(whole && *whole);
  EXPECT_NE(only.data(), (*whole)->data());
  EXPECT_EQ(100U, (*whole)->charge());
  EXPECT_TRUE(std::ranges::equal((*whole)->span(), only.span()));
}

TEST(ListingAssembly, APieceOfAnotherSizeIsAnErrorOnce) {
  const Bytes only = Filled(100, std::byte{1});
  ListingAssembly assembly(100, only);
  const auto whole = assembly.Add(0, Filled(99, std::byte{1}));
  ASSERT_TRUE(whole);
  EXPECT_EQ(EBADMSG, whole->error().code);
  EXPECT_FALSE(assembly.Add(0, only));
}

}  // namespace
}  // namespace copper
