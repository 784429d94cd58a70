#include "copper/profile/profile_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copper/base/files.h"
#include "fakes/sample_profile.h"
#include "fakes/temporary_directory.h"

namespace copper::profile {
namespace {

using fakes::TemporaryDirectory;

using ::testing::HasSubstr;

TEST(ProfileFile, IsReadAsItWasWritten) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("copper_profile.h5");
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Profile written = RandomProfile(seed);
    const Status done = WriteProfile(file, written);
    ASSERT_TRUE(done) << done.error().Describe();
    const Result<Profile> read = ReadProfile(file);
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error().Describe();
    ASSERT_TRUE(Same(*read, written)) << "seed " << seed;
  }
  EXPECT_EQ(directory.entries(), 1U) << "each replaced the one before";
}

TEST(ProfileFile, OfNothingIsReadAsNothing) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("new/folders/copper_profile.h5");
  {
    const Status done = WriteProfile(file, Profile{});
    ASSERT_TRUE(done) << done.error().Describe();
  }
  const Result<Profile> read = ReadProfile(file);
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_TRUE(Same(*read, Profile{}));
}

TEST(ProfileFile, KeepsMissingRanksAndNastyPaths) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("copper_profile.h5");
  {
    const Status done = WriteProfile(file, SampleProfile());
    ASSERT_TRUE(done) << done.error().Describe();
  }
  const Result<Profile> read = ReadProfile(file);
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_TRUE(Same(*read, SampleProfile()));
  EXPECT_THAT(read->Missing(), testing::ElementsAre(2U));
  std::vector<std::string> paths;
  for (const auto& [path, use] : RowsOf(read->paths)) paths.push_back(path);
  EXPECT_THAT(paths, testing::IsSupersetOf(NastyPaths()));
}

TEST(ProfileFile, OfPathsAloneHasJobRanksAndPaths) {
  const TemporaryDirectory directory;
  const std::string file = directory.At("copper_tables.h5");
  const Profile sample = SampleProfile();
  {
    const Status done = WritePathTable(file, sample);
    ASSERT_TRUE(done) << done.error().Describe();
  }
  const Result<Profile> read = ReadProfile(file);
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(read->tag, sample.tag);
  EXPECT_EQ(read->ranks, sample.ranks);
  EXPECT_EQ(RowsOf(read->paths), RowsOf(sample.paths));
  EXPECT_EQ(read->events, (Profile{}.events));
  EXPECT_TRUE(read->top[0].empty());
}

}  // namespace
}  // namespace copper::profile
