// Readers of a directory that go on in another listing of it.
#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "copper/base/hash.h"
#include "copper/names/listing_builder.h"

namespace copper {
namespace {

using Names = std::set<std::string>;

Listing ListingOf(const Names& names) {
  Attributes directory;
  directory.mode = S_IFDIR | 0755;
  ListingBuilder builder(directory);
  for (const std::string& name : names) EXPECT_TRUE(builder.Add(name, 1, DT_REG));
  return builder.Build(true);
}

// Two names of the very same hash (all of its 55 bits that count), found by search.
constexpr const char* kOne = "16d07a3c6868cc";
constexpr const char* kOther = "1a0c4e93bf2ffd";

Names FindAlike() {
  std::multimap<uint64_t, std::string> by_hash;
  for (int i = 0; i < 400'000; ++i) {
    const std::string name = "name" + std::to_string(i);
    by_hash.emplace(Hash(name) >> 33, name);
  }
  Names alike;
  for (auto it = by_hash.begin(); it != by_hash.end(); ++it) {
    const auto next = std::next(it);
    if (next != by_hash.end() && next->first == it->first) alike.insert({it->second, next->second});
  }
  EXPECT_GE(alike.size(), 40U);
  return alike;
}
// Names of which each shares the upper 31 bits of its hash with another.
const Names& Alike() {
  static const Names alike = FindAlike();
  return alike;
}

// A reader that takes up to `most` names at a time, each page from any one of the listings.
std::vector<std::string> ReadAll(const std::vector<Listing>& listings, size_t most, std::mt19937_64& random) {
  std::vector<std::string> had;
  uint64_t position = 0;
  for (size_t pages = 0; pages < 100'000; ++pages) {
    const Listing& listing = listings[random() % listings.size()];
    size_t at = listing.FirstAfter(position);
    if (at == listing.size()) return had;
    for (const size_t end = std::min(at + 1 + random() % most, listing.size()); at < end; ++at) {
      had.emplace_back(listing[at].name);
      position = listing.PositionAfter(at);
    }
  }
  ADD_FAILURE() << "the reader never comes to an end";
  return had;
}

TEST(ListingPositions, AReaderHasEachNameOnceThatIsInEveryListing) {
  std::mt19937_64 random(9);
  Names staying = Alike(), coming;
  for (int i = 0; i < 500; ++i) staying.insert("file" + std::to_string(i));
  for (const std::string& name : Names(staying)) {  // some of each sort come and go
    if (random() % 3 == 0) coming.insert(staying.extract(name));
  }
  for (int round = 0; round < 50; ++round) {
    std::vector<Listing> listings;
    while (listings.size() < 5) {
      Names names = staying;
      std::ranges::copy_if(coming, std::inserter(names, names.end()), [&](auto&) { return random() % 2 == 0; });
      listings.push_back(ListingOf(names));
    }
    const auto had = ReadAll(listings, 7, random);
    const Names distinct(had.begin(), had.end());
    ASSERT_EQ(distinct.size(), had.size()) << "a name twice";
    ASSERT_TRUE(std::ranges::includes(distinct, staying)) << "a name is missing";
  }
}

TEST(ListingPositions, GoUpWithTheNames) {
  std::mt19937_64 random(10);
  Names names = Alike();
  names.insert({kOne, kOther});
  const Listing listing = ListingOf(names);
  std::set<uint64_t> positions;
  for (size_t at = 0; at < listing.size(); ++at) {
    const uint64_t position = listing.PositionAfter(at);
    EXPECT_GT(position, Listing::kBeforeNames);
    EXPECT_LE(position, uint64_t{INT64_MAX}) << "an off_t";
    EXPECT_EQ(listing.FirstAfter(position), at + 1);
    positions.insert(position);
  }
  EXPECT_EQ(positions.size(), listing.size());
}

TEST(ListingPositions, FitProgramsOf32BitsWhereNamesAreNotAlike) {
  Names names;
  for (int i = 0; i < 10'000; ++i) names.insert("file" + std::to_string(i));
  const Listing listing = ListingOf(names);
  size_t larger = 0;
  for (size_t at = 0; at < listing.size(); ++at) larger += listing.PositionAfter(at) > uint64_t{INT32_MAX} ? 1 : 0;
  EXPECT_LE(larger, 4U);
}

TEST(ListingPositions, NamesOfTheSameHashAreTwoPlaces) {
  ASSERT_EQ(Hash(std::string_view(kOne)) >> 9, Hash(std::string_view(kOther)) >> 9);
  const Listing both = ListingOf({kOne, kOther});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(both.Find(kOne));
  EXPECT_TRUE(both.Find(kOther));
  EXPECT_TRUE(Listing::FromBytes(both.packed()));
  EXPECT_EQ(both.FirstAfter(both.PositionAfter(0)), 1U);
  EXPECT_EQ(both.FirstAfter(both.PositionAfter(1)), 2U);
  const Listing one = ListingOf({kOne});
  EXPECT_FALSE(one.Find(kOther));
  EXPECT_EQ(both.FirstAfter(one.PositionAfter(0)), 2U) << "what has come since may be missed";
  EXPECT_EQ(one.FirstAfter(both.PositionAfter(1)), 1U);
}

// As lseek on ext4: the next name behind it, no error.
TEST(ListingPositions, AnyNumberIsOne) {
  std::mt19937_64 random(11);
  const Listing listing = ListingOf(Alike()), empty = ListingOf({});
  for (const uint64_t before : {0, 1, 2}) EXPECT_EQ(listing.FirstAfter(before), 0U);
  for (const uint64_t behind : {uint64_t{INT32_MAX}, uint64_t{INT64_MAX}, UINT64_MAX}) {
    EXPECT_EQ(listing.FirstAfter(behind), listing.size());
    EXPECT_EQ(empty.FirstAfter(behind), 0U);
  }
  for (const int bits : {31, 63}) {
    std::vector<uint64_t> numbers(1000);
    std::ranges::generate(numbers, [&] { return random() >> (64 - bits); });
    if (bits == 63) std::erase_if(numbers, [](uint64_t number) { return number <= uint64_t{INT32_MAX}; });
    std::ranges::sort(numbers);
    EXPECT_TRUE(std::ranges::is_sorted(numbers, {}, [&](uint64_t number) { return listing.FirstAfter(number); }));
    EXPECT_LT(listing.FirstAfter(numbers.front()), listing.size() / 10);
    EXPECT_GT(listing.FirstAfter(numbers.back()), listing.size() / 10 * 9);
  }
}

}  // namespace
}  // namespace copper
