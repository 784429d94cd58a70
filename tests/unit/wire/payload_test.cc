#include "copper/wire/payload.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "copper/names/listing_builder.h"
#include "copper/names/packed_attributes.h"

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

FileTime RandomTime(Random& random) {
  return {static_cast<int64_t>(random()), static_cast<uint32_t>(random() % FileTime::kPerSecond)};
}

Attributes RandomAttributes(Random& random) {
  static constexpr uint32_t kTypes[] = {S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK};
  Attributes attributes;
  attributes.mode = kTypes[random() % std::size(kTypes)] | (random() & 07777);
  attributes.nlink = static_cast<uint32_t>(random());
  attributes.uid = static_cast<uint32_t>(random());
  attributes.gid = static_cast<uint32_t>(random());
  attributes.rdev = random();
  attributes.file_system = random();
  attributes.inode = random();
  attributes.size = random();
  attributes.blocks = random();
  attributes.block_size = static_cast<uint32_t>(random());
  attributes.atime = RandomTime(random);
  attributes.mtime = RandomTime(random);
  attributes.ctime = RandomTime(random);
  if (attributes.IsSymlink()) attributes.symlink_target = RandomName(random, 4095);
  return attributes;
}

Listing RandomListing(Random& random, size_t entries) {
  Attributes directory = RandomAttributes(random);
  directory.mode = S_IFDIR | 0700;
  directory.symlink_target.clear();
  ListingBuilder builder(directory);
  for (size_t i = 0; i < entries; ++i) {
    const Attributes attributes = RandomAttributes(random);
    const std::string name = RandomName(random, 255);
    EXPECT_TRUE(builder.Add(name, random(), DT_REG, random() % 2 == 0 ? &attributes : nullptr));
  }
  return builder.Build(random() % 2 == 0);
}

void ExpectEqual(const Listing& a, const Listing& b) {
  EXPECT_EQ(a.directory(), b.directory());
  EXPECT_EQ(a.answers_absence(), b.answers_absence());
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].inode, b[i].inode);
    EXPECT_EQ(a[i].type, b[i].type);
    EXPECT_EQ(a[i].attributes(), b[i].attributes());
  }
}

// A listing as a peer may send it, right or wrong: names as they stand.
struct Sent {
  std::vector<std::string> names;
  uint8_t type = DT_REG;
  uint32_t mode = S_IFDIR | 0755;

  Bytes Encode() const {
    Attributes directory;
    directory.mode = mode;
    size_t size = 8 + kMinPackedAttributes;
    for (const std::string& name : names) size += 12 + name.size();
    Buffer buffer = Buffer::Allocate(size);
    Writer writer(buffer.data());
    writer.Add(static_cast<uint32_t>(names.size()));
    writer.Add(uint32_t{0});
    Pack(directory, writer);
    for (const std::string& name : names) {
      writer.Add(static_cast<uint16_t>(name.size()));
      writer.Add(type);
      writer.Add(uint8_t{0});
      writer.Add(uint64_t{1});
      writer.AddText(name);
    }
    return std::move(buffer).Freeze(size);
  }
};

bool Decodes(const Sent& sent) {
  return DecodeListing(sent.Encode()).has_value();
}

bool Decodes(std::span<const std::byte> bytes) {
  return DecodeListing(Bytes::Copy(bytes)).has_value();
}

std::vector<std::byte> CopyOf(const Bytes& bytes) {
  return {bytes.span().begin(), bytes.span().end()};
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
  for (FileTime Attributes::* const time : {&Attributes::atime, &Attributes::mtime, &Attributes::ctime}) {
    attributes = {};
    attributes.mode = S_IFREG | 0644;
    (attributes.*time).nanoseconds = FileTime::kPerSecond;
    EXPECT_FALSE(DecodeAttributes(EncodeAttributes(attributes).span()));
    (attributes.*time).nanoseconds = FileTime::kPerSecond - 1;
    EXPECT_TRUE(DecodeAttributes(EncodeAttributes(attributes).span()));
  }
}

// The ends of what fits into each field, in every combination of two.
TEST(AttributesTest, ExtremesRoundTrip) {
  constexpr int64_t kTimes[] = {INT64_MIN, -10'000'000'000, -1, 0, 4'294'967'296, 10'000'000'000, INT64_MAX};
  constexpr uint64_t kNumbers[] = {0, 1, UINT32_MAX, uint64_t{1} << 32, INT64_MAX, UINT64_MAX};
  for (const int64_t seconds : kTimes) {
    for (const uint64_t number : kNumbers) {
      Attributes attributes;
      attributes.mode = S_IFCHR | 07777;
      attributes.nlink = attributes.uid = attributes.gid = attributes.block_size = static_cast<uint32_t>(number);
      attributes.rdev = attributes.file_system = attributes.inode = attributes.size = attributes.blocks = number;
      attributes.atime = attributes.mtime = attributes.ctime = {seconds, 999'999'999};
      const Result<Attributes> decoded = DecodeAttributes(EncodeAttributes(attributes).span());
      ASSERT_TRUE(decoded);
      EXPECT_EQ(*decoded, attributes);
    }
  }
}

TEST(ListingTest, RoundTrip) {
  Random random(2);
  for (const size_t entries : {0, 1, 2, 10, 1000, 20'000}) {
    const Listing listing = RandomListing(random, entries);
    const Result<Listing> decoded = DecodeListing(EncodeListing(listing));
    ASSERT_TRUE(decoded);
    ExpectEqual(*decoded, listing);
    EXPECT_EQ(EncodeListing(*decoded).data(), EncodeListing(listing).data()) << "nothing is copied";
  }
}

// Byte by byte as src/wire/README.md has it.
TEST(ListingTest, WhatIsBuiltIsWhatTheProtocolSays) {
  Attributes directory;
  directory.mode = S_IFDIR | 0755;
  ListingBuilder builder(directory);
  for (const char* name : {"a", "b"}) ASSERT_TRUE(builder.Add(name, 1, DT_REG));
  const Listing built = builder.Build(false);
  EXPECT_EQ(CopyOf(EncodeListing(built)), CopyOf(Sent{.names = {"b", "a"}}.Encode()));
}

// By hash, and where that is the same (as of the last two) by bytes.
TEST(ListingTest, NamesComeInOrder) {
  EXPECT_TRUE(Decodes(Sent{.names = {"b", "c", "a"}}));
  EXPECT_FALSE(Decodes(Sent{.names = {"a", "b", "c"}}));
  EXPECT_TRUE(Decodes(Sent{.names = {"16d07a3c6868cc", "1a0c4e93bf2ffd"}}));
  EXPECT_FALSE(Decodes(Sent{.names = {"1a0c4e93bf2ffd", "16d07a3c6868cc"}}));
}

TEST(ListingTest, BadNamesAreRejected) {
  EXPECT_TRUE(Decodes(Sent{.names = {"..."}}));
  const std::vector<std::vector<std::string>> bad = {{""},       {"."},    {".."}, {"a/b"}, {std::string("a\0b", 3)},
                                                     {"a", "a"}, {"a", ""}};
  for (const auto& names : bad) EXPECT_FALSE(Decodes(Sent{.names = names})) << names[0];
}

TEST(ListingTest, UnknownTypesAndFlagsAreRejected) {
  EXPECT_FALSE(Decodes(Sent{.names = {"a"}, .type = 3}));
  EXPECT_TRUE(Decodes(Sent{.names = {"a"}, .type = DT_UNKNOWN}));
  EXPECT_FALSE(Decodes(Sent{.names = {"a"}, .mode = S_IFREG | 0644}));
  const Bytes good = Sent{.names = {"a"}}.Encode();
  for (const size_t at : {size_t{4}, good.size() - 10}) {  // of the listing, of the entry
    std::vector<std::byte> bad = CopyOf(good);
    bad[at] = std::byte{2};
    EXPECT_FALSE(Decodes(bad)) << at;
  }
}

TEST(ListingTest, EveryTruncationAndTrailingByteIsRejected) {
  Random random(3);
  const Bytes encoded = EncodeListing(RandomListing(random, 20));
  for (size_t size = 0; size < encoded.size(); ++size) ASSERT_FALSE(Decodes(encoded.span().first(size))) << size;
  std::vector<std::byte> longer = CopyOf(encoded);
  longer.push_back(std::byte{0});
  EXPECT_FALSE(Decodes(longer));
}

// Sizes are believed only as far as there are bytes for them: nothing large is allocated for a claim.
TEST(ListingTest, LyingCountsAreRejected) {
  const Bytes good = Sent{.names = {"b", "a"}}.Encode();
  for (const uint8_t top : {0x01, 0x7f, 0xff}) {
    std::vector<std::byte> bad = CopyOf(good);
    bad[3] = std::byte{top};  // entries
    EXPECT_FALSE(Decodes(bad));
    bad[3] = std::byte{0};
    bad[8 + 23] = std::byte{top};  // length of the directory's symlink target
    EXPECT_FALSE(Decodes(bad));
  }
  std::vector<std::byte> fewer = CopyOf(good);
  fewer[0] = std::byte{1};
  EXPECT_FALSE(Decodes(fewer));
}

TEST(ListingTest, UnsoundAttributesOfAnEntryAreRejected) {
  Attributes directory;
  directory.mode = S_IFDIR | 0755;
  Attributes file;
  file.mode = S_IFREG | 0644;
  const auto listing_with = [&](const Attributes& attributes) {
    ListingBuilder builder(directory);
    EXPECT_TRUE(builder.Add("a", 1, DT_REG, &attributes));
    return CopyOf(EncodeListing(builder.Build(false)));
  };
  EXPECT_TRUE(Decodes(listing_with(file)));
  file.symlink_target = "target";
  EXPECT_FALSE(Decodes(listing_with(file)));
  file = {};  // of no type
  EXPECT_FALSE(Decodes(listing_with(file)));
}

// Whatever is accepted can be read to the last byte: views never leave the bytes (the sanitizers look on).
TEST(ListingTest, DamagedListingsNeverCrash) {
  Random random(4);
  const Bytes encoded = EncodeListing(RandomListing(random, 5));
  int decoded = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::vector<std::byte> damaged = CopyOf(encoded);
    for (size_t n = 1 + random() % 4; n > 0; --n) damaged[random() % damaged.size()] = static_cast<std::byte>(random());
    if (const Result<Listing> listing = DecodeListing(Bytes::Copy(damaged))) {
      ++decoded;
      for (const DirectoryEntry entry : listing->entries()) {
        EXPECT_TRUE(listing->Find(entry.name));
        EXPECT_EQ(entry.attributes().has_value(), entry.has_attributes());
      }
    }
    if (DecodeAttributes(std::span(damaged).subspan(random() % damaged.size()))) ++decoded;
  }
  EXPECT_LT(decoded, 200'000);  // not all damage shows: bytes of names and times are free
}

}  // namespace
}  // namespace copper::wire
