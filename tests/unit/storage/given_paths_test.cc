#include "copper/storage/given_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper::storage {
namespace {

using testing::HasSubstr;

class GivenPathsTest : public testing::Test {
 protected:
  std::string In(const std::string& name) const { return directory_.path() + "/" + name; }

  fakes::TemporaryDirectory directory_;
};

TEST_F(GivenPathsTest, TargetIsGivenWithoutSymlinks) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  EXPECT_EQ(ResolveTarget(In("link/tree"), {}).value_or(""), In("real/tree"));
}

TEST_F(GivenPathsTest, TargetMustBeADirectory) {
  ASSERT_TRUE(WriteWholeFile(In("file"), ""));
  const Result<std::string> file = ResolveTarget(In("file"), {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ENOTDIR);
  const Result<std::string> missing = ResolveTarget(In("missing"), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message, HasSubstr(In("missing")));
}

TEST_F(GivenPathsTest, TargetIsNotOnAMountOfCopper) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  const std::vector<Mount> copper = {{"/", "ext4"}, {In("real"), "fuse.copper"}};
  for (const char* const name : {"real", "real/tree", "link/tree", "real/tree/../tree"}) {
    const Result<std::string> nested = ResolveTarget(In(name), copper);
    ASSERT_FALSE(nested) << name;
    EXPECT_EQ(nested.error().code, EINVAL);
    EXPECT_NE(nested.error().message.find("the mount of another Copper job"), std::string::npos);
  }
  EXPECT_TRUE(ResolveTarget(directory_.path(), copper)) << "above it";
}

TEST_F(GivenPathsTest, WhatIsSharedIsThereAndGivenWithoutSymlinks) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  EXPECT_THAT(ResolveShared({In("link/tree"), "/"}, {}).value_or(std::vector<std::string>()),
              testing::ElementsAre(In("real/tree"), "/"));
  const Result<std::vector<std::string>> missing = ResolveShared({"/", In("missing")}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message, HasSubstr("--shared-fs " + In("missing")));
  const std::vector<Mount> copper = {{"/", "ext4"}, {In("real"), "fuse.copper"}};
  const Result<std::vector<std::string>> nested = ResolveShared({In("real")}, copper);
  ASSERT_FALSE(nested);
  EXPECT_THAT(nested.error().message, HasSubstr("--shared-fs " + In("real")));
}

}  // namespace
}  // namespace copper::storage
