#include "copper/wire/payload.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace copper::wire {
namespace {

using Random = std::mt19937_64;

std::string RandomName(Random& random, size_t max_size) {
  std::string name(1 + random() % max_size, '\0');
  for (char& c : name) {
    do c = static_cast<char>(random());
    while (c == '\0' || c == '/' || c == '.');
  }
  return name;
}

Attributes RandomAttributes(Random& random) {
  static constexpr uint32_t kTypes[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK};
  Attributes attributes;
  attributes.mode = kTypes[random() % std::size(kTypes)] | (random() & 07777);
  attributes.nlink = static_cast<uint32_t>(random());
  attributes.uid = static_cast<uint32_t>(random());
  attributes.gid = static_cast<uint32_t>(random());
  attributes.rdev = random();
  attributes.device = random();
  attributes.inode = random();
  attributes.size = random();
  attributes.blocks = random();
  attributes.block_size = static_cast<uint32_t>(random());
  attributes.atime_ns = static_cast<int64_t>(random());
  attributes.mtime_ns = static_cast<int64_t>(random());
  attributes.ctime_ns = static_cast<int64_t>(random());
  if (attributes.IsSymlink()) attributes.symlink_target = RandomName(random, 4095);
  return attributes;
}

Attributes DirectoryAttributes() {
  Attributes attributes;
  attributes.mode = S_IFDIR | 0755;
  return attributes;
}

Listing RandomListing(Random& random, size_t entries) {
  Listing listing;
  listing.directory = RandomAttributes(random);
  listing.directory.mode = S_IFDIR | 0700;
  listing.directory.symlink_target.clear();
  listing.answers_absence = random() % 2 == 0;
  for (size_t i = 0; i < entries; ++i) {
    DirectoryEntry entry{RandomName(random, 255), random(), DT_REG, std::nullopt};
    if (random() % 2 == 0) entry.attributes = RandomAttributes(random);
    listing.entries.push_back(std::move(entry));
  }
  std::ranges::sort(listing.entries, {}, &DirectoryEntry::name);
  const auto same = std::ranges::unique(listing.entries, {}, &DirectoryEntry::name);
  listing.entries.erase(same.begin(), same.end());
  return listing;
}

void ExpectEqual(const Listing& a, const Listing& b) {
  EXPECT_EQ(a.directory, b.directory);
  EXPECT_EQ(a.answers_absence, b.answers_absence);
  ASSERT_EQ(a.entries.size(), b.entries.size());
  for (size_t i = 0; i < a.entries.size(); ++i) {
    EXPECT_EQ(a.entries[i].name, b.entries[i].name);
    EXPECT_EQ(a.entries[i].inode, b.entries[i].inode);
    EXPECT_EQ(a.entries[i].type, b.entries[i].type);
    EXPECT_EQ(a.entries[i].attributes, b.entries[i].attributes);
  }
}

bool Decodes(const Listing& listing) {
  return DecodeListing(EncodeListing(listing).span()).has_value();
}

// Of entries with these names, as they stand.
Listing WithNames(std::initializer_list<std::string> names) {
  Listing listing;
  listing.directory = DirectoryAttributes();
  for (const std::string& name : names) listing.entries.push_back({name, 1, DT_REG, std::nullopt});
  return listing;
}

TEST(AttributesTest, RoundTrip) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const Attributes attributes = RandomAttributes(random);
    const Result<Attributes> decoded = DecodeAttributes(EncodeAttributes(attributes).span());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, attributes);
  }
}

TEST(AttributesTest, EveryTruncationAndTrailingByteIsRejected) {
  Attributes attributes;
  attributes.mode = S_IFLNK | 0777;
  attributes.symlink_target = "../lib/libm.so.6";
  const Bytes encoded = EncodeAttributes(attributes);
  for (size_t size = 0; size < encoded.size(); ++size) EXPECT_FALSE(DecodeAttributes(encoded.span().first(size)));
  std::vector<std::byte> longer(encoded.span().begin(), encoded.span().end());
  longer.push_back(std::byte{0});
  EXPECT_FALSE(DecodeAttributes(longer));
}

TEST(AttributesTest, UnsoundOnesAreRejected) {
  Attributes attributes;
  attributes.mode = 0644;  // of no type
  EXPECT_FALSE(DecodeAttributes(EncodeAttributes(attributes).span()));
  attributes.mode = S_IFREG | 0x10000;
  EXPECT_FALSE(DecodeAttributes(EncodeAttributes(attributes).span()));
  attributes.mode = S_IFREG | 0644;
  EXPECT_TRUE(DecodeAttributes(EncodeAttributes(attributes).span()));
  attributes.symlink_target = "target";
  EXPECT_FALSE(DecodeAttributes(EncodeAttributes(attributes).span()));
  attributes.mode = S_IFLNK | 0777;
  EXPECT_TRUE(DecodeAttributes(EncodeAttributes(attributes).span()));
  attributes.symlink_target += '\0';
  EXPECT_FALSE(DecodeAttributes(EncodeAttributes(attributes).span()));
}

TEST(ListingTest, RoundTrip) {
  Random random(2);
  for (const size_t entries : {0, 1, 2, 10, 1000}) {
    const Listing listing = RandomListing(random, entries);
    const Result<Listing> decoded = DecodeListing(EncodeListing(listing).span());
    ASSERT_TRUE(decoded);
    ExpectEqual(*decoded, listing);
  }
}

TEST(ListingTest, NamesAreSortedAsBytesNotAsCharacters) {
  EXPECT_TRUE(Decodes(WithNames({"a", "z", "\xc3\xa9"})));
  EXPECT_FALSE(Decodes(WithNames({"\xc3\xa9", "a"})));
}

TEST(ListingTest, BadNamesAreRejected) {
  EXPECT_TRUE(Decodes(WithNames({"..."})));
  EXPECT_FALSE(Decodes(WithNames({""})));
  EXPECT_FALSE(Decodes(WithNames({"."})));
  EXPECT_FALSE(Decodes(WithNames({".."})));
  EXPECT_FALSE(Decodes(WithNames({"a/b"})));
  EXPECT_FALSE(Decodes(WithNames({std::string("a\0b", 3)})));
  EXPECT_FALSE(Decodes(WithNames({"b", "a"})));
  EXPECT_FALSE(Decodes(WithNames({"a", "a"})));
}

TEST(ListingTest, UnknownTypesAndFlagsAreRejected) {
  Listing listing = WithNames({"a"});
  listing.entries[0].type = 3;
  EXPECT_FALSE(Decodes(listing));
  listing.entries[0].type = DT_UNKNOWN;
  EXPECT_TRUE(Decodes(listing));
  listing.directory.mode = S_IFREG | 0644;
  EXPECT_FALSE(Decodes(listing));
  const Bytes good = EncodeListing(WithNames({"a"}));
  for (const size_t at : {size_t{4}, good.size() - 10}) {  // of the listing, of the entry
    std::vector<std::byte> bad(good.span().begin(), good.span().end());
    bad[at] = std::byte{2};
    EXPECT_FALSE(DecodeListing(bad)) << at;
  }
}

TEST(ListingTest, EveryTruncationIsRejected) {
  Random random(3);
  const Bytes encoded = EncodeListing(RandomListing(random, 20));
  for (size_t size = 0; size < encoded.size(); ++size) ASSERT_FALSE(DecodeListing(encoded.span().first(size))) << size;
}

// Sizes are believed only as far as there are bytes for them: nothing large is allocated for a claim.
TEST(ListingTest, LyingCountsAreRejected) {
  const Bytes good = EncodeListing(WithNames({"a", "b"}));
  for (const uint8_t top : {0x01, 0x7f, 0xff}) {
    std::vector<std::byte> bad(good.span().begin(), good.span().end());
    bad[3] = std::byte{top};  // entries
    EXPECT_FALSE(DecodeListing(bad));
    bad[3] = std::byte{0};
    bad[8 + 23] = std::byte{top};  // length of the directory's symlink target
    EXPECT_FALSE(DecodeListing(bad));
  }
  std::vector<std::byte> fewer(good.span().begin(), good.span().end());
  fewer[0] = std::byte{1};
  EXPECT_FALSE(DecodeListing(fewer));
}

TEST(ListingTest, DamagedListingsNeverCrash) {
  Random random(4);
  const Bytes encoded = EncodeListing(RandomListing(random, 5));
  int decoded = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::byte> damaged(encoded.span().begin(), encoded.span().end());
    for (size_t n = 1 + random() % 4; n > 0; --n) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    if (const Result<Listing> listing = DecodeListing(damaged)) ++decoded;
    if (DecodeAttributes(std::span(damaged).subspan(random() % damaged.size()))) ++decoded;
  }
  EXPECT_LT(decoded, 200'000);  // not all damage shows: bytes of names and times are free
}

}  // namespace
}  // namespace copper::wire
