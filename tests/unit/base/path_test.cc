#include "copper/base/path.h"
#include "copper/names/attributes.h"

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
  attributes.mtime = {3, 4};
  attributes.ctime = {5, 6};
  EXPECT_EQ(attributes.version(), (FileVersion{1, 2, {3, 4}}));
  EXPECT_TRUE(attributes.version());
  EXPECT_FALSE(FileVersion{});
}

}  // namespace
}  // namespace copper
