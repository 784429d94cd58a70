#include "copper/base/file.h"

#include <gtest/gtest.h>

namespace copper {
namespace {

TEST(Paths, Join) {
  EXPECT_EQ(JoinPath("/", "usr"), "/usr");
  EXPECT_EQ(JoinPath("/usr", "lib"), "/usr/lib");
}

TEST(Paths, ParentAndBaseNameTakeApartWhatJoinMade) {
  EXPECT_EQ(ParentPath("/usr/lib"), "/usr");
  EXPECT_EQ(ParentPath("/usr"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
  EXPECT_EQ(BaseName("/usr/lib"), "lib");
  EXPECT_EQ(BaseName("/usr"), "usr");
  EXPECT_EQ(BaseName("/"), "");
}

TEST(Listings, FindByBytes) {
  Listing listing;
  for (const char* name : {"A", "a", "a-", "b", "\xc3\xa4", "\xff"}) listing.entries.push_back({name, 1, 0, {}});
  for (const DirectoryEntry& entry : listing.entries) EXPECT_EQ(listing.Find(entry.name), &entry) << entry.name;
  for (const char* absent : {"", "B", "a.", "aa", "\xc3", "\xff\xff"})
    EXPECT_EQ(listing.Find(absent), nullptr) << absent;
}

TEST(Listings, ChargeGrowsWithWhatIsHeld) {
  Listing listing;
  const size_t empty = listing.charge();
  listing.entries.push_back({std::string(200, 'n'), 1, 0, Attributes{}});
  const size_t one = listing.charge();
  EXPECT_GE(one, empty + 200 + sizeof(DirectoryEntry));
  listing.entries[0].attributes->symlink_target = std::string(1000, 't');
  EXPECT_GE(listing.charge(), one + 900);
}

TEST(Attributes, KnowTheirTypeAndVersion) {
  Attributes attributes;
  attributes.mode = S_IFDIR | 0755;
  EXPECT_TRUE(attributes.IsDirectory());
  EXPECT_FALSE(attributes.IsRegular());
  attributes.mode = S_IFLNK | 0777;
  EXPECT_TRUE(attributes.IsSymlink());
  attributes.mode = S_IFREG | 0644;
  EXPECT_TRUE(attributes.IsRegular());
  attributes.inode = 1;
  attributes.size = 2;
  attributes.mtime_ns = 3;
  attributes.ctime_ns = 4;
  EXPECT_EQ(attributes.version(), (FileVersion{1, 2, 3}));
  EXPECT_TRUE(attributes.version());
  EXPECT_FALSE(FileVersion{});
}

}  // namespace
}  // namespace copper
