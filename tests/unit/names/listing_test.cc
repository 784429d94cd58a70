#include "copper/names/listing.h"

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "copper/names/listing_builder.h"

namespace copper {
namespace {

Attributes Directory() {
  Attributes attributes;
  attributes.mode = S_IFDIR | 0755;
  attributes.inode = 7;
  return attributes;
}

Attributes Symlink(const std::string& target) {
  Attributes attributes;
  attributes.mode = S_IFLNK | 0777;
  attributes.size = target.size();
  attributes.symlink_target = target;
  return attributes;
}

std::vector<std::string> NamesOf(const Listing& listing) {
  std::vector<std::string> names;
  for (const DirectoryEntry entry : listing.entries()) names.emplace_back(entry.name);
  return names;
}

std::vector<std::string> Sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  return names;
}

TEST(Listings, FindByBytes) {
  ListingBuilder builder(Directory());
  const std::vector<std::string> names = {"A", "a", "a-", "b", "\xc3\xa4", "\xff"};
  for (uint64_t i = 0; i < names.size(); ++i) ASSERT_TRUE(builder.Add(names[names.size() - 1 - i], i, DT_REG));
  const Listing listing = builder.Build(true);
  EXPECT_EQ(Sorted(NamesOf(listing)), names);
  for (uint64_t i = 0; i < names.size(); ++i) {
    const auto found = listing.Find(names[i]);
    ASSERT_TRUE(found) << names[i];
    EXPECT_EQ(found->name, names[i]);
    EXPECT_EQ(found->inode, names.size() - 1 - i);
  }
  for (const char* absent : {"", "B", "a.", "aa", "\xc3", "\xff\xff"}) EXPECT_FALSE(listing.Find(absent)) << absent;
}

TEST(Listings, EntriesAreAsTheyWereAdded) {
  ListingBuilder builder(Directory());
  const Attributes link = Symlink("../lib/libm.so.6");
  const std::string longest(255, 'n');
  ASSERT_TRUE(builder.Add("plain", 1, DT_UNKNOWN));
  ASSERT_TRUE(builder.Add("link", UINT64_MAX, DT_LNK, &link));
  ASSERT_TRUE(builder.Add(longest, 3, DT_SOCK));
  EXPECT_EQ(builder.size(), 3U);
  const Listing listing = builder.Build(false);
  EXPECT_EQ(listing.directory(), Directory());
  EXPECT_FALSE(listing.answers_absence());
  EXPECT_EQ(listing.Find("link")->attributes(), link);
  EXPECT_EQ(listing.Find("link")->inode, UINT64_MAX);
  EXPECT_EQ(listing.Find("link")->type, DT_LNK);
  EXPECT_FALSE(listing.Find("plain")->has_attributes());
  EXPECT_FALSE(listing.Find("plain")->attributes());
  EXPECT_EQ(listing.Find(longest)->type, DT_SOCK);
}

TEST(Listings, AnEmptyDirectoryHasNoNames) {
  const Listing listing = ListingBuilder(Directory()).Build(true);
  EXPECT_EQ(listing.size(), 0U);
  EXPECT_FALSE(listing.Find("a"));
  EXPECT_TRUE(listing.answers_absence());
  EXPECT_TRUE(Listing::FromBytes(listing.packed()));
}

TEST(Listings, ANameThatCameTwiceIsThereOnce) {
  ListingBuilder builder(Directory());
  for (const char* name : {"b", "a", "b", "a", "c"}) ASSERT_TRUE(builder.Add(name, 1, DT_REG));
  const Listing listing = builder.Build(true);
  EXPECT_EQ(Sorted(NamesOf(listing)), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(Listing::FromBytes(listing.packed())) << "as a child would take it";
}

// Many times the size of a run, so that runs are merged and given back on the way; some with attributes, some twice.
TEST(Listings, LargeOnesAreMergedFromManyRuns) {
  std::mt19937_64 random(5);
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i) names.push_back("name-" + std::to_string(random()));
  ListingBuilder builder(Directory());
  for (const std::string& name : names) {
    const Attributes link = Symlink(name);
    ASSERT_TRUE(builder.Add(name, name.size(), DT_LNK, name.back() == '3' ? &link : nullptr));
    if (name.back() == '7') {
      ASSERT_TRUE(builder.Add(name, name.size(), DT_LNK));
    }
  }
  const Listing listing = builder.Build(true);
  EXPECT_EQ(Sorted(NamesOf(listing)), Sorted(names));
  for (size_t i = 0; i < names.size(); i += 7) {
    const auto attributes = listing.Find(names[i])->attributes();
    ASSERT_EQ(attributes.has_value(), names[i].back() == '3');
    ASSERT_TRUE(!attributes || attributes->symlink_target == names[i]);
    EXPECT_EQ(listing.Find(names[i])->inode, names[i].size());
  }
  EXPECT_TRUE(Listing::FromBytes(listing.packed()));
}

TEST(Listings, OneThatBecomesTooLargeFailsBeforeItTakesTheMemory) {
  ListingBuilder builder(Directory(), 1000);
  size_t added = 0;
  Status status;
  for (; added < 1000 && status; ++added) status = builder.Add("name" + std::to_string(added), 1, DT_REG);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ENOMEM);
  EXPECT_GT(added, 40U);
  EXPECT_LT(added, 60U);
}

TEST(Listings, ANameCostsLittleMoreThanItsBytes) {
  ListingBuilder builder(Directory());
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(builder.Add("file-" + std::to_string(1'000'000 + i), 1, DT_REG));
  const Listing listing = builder.Build(true);
  EXPECT_EQ(listing.size(), 100'000U);
  EXPECT_LE(listing.charge(), 29 * listing.size()) << "12 bytes of name, 12 of head, 4 of index";
  EXPECT_GE(listing.charge(), 28 * listing.size());
}

}  // namespace
}  // namespace copper
