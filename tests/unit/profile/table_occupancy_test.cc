#include "copper/profile/table_occupancy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "copper/base/files.h"
#include "fakes/sample_profile.h"
#include "fakes/temporary_directory.h"

namespace copper::profile {
namespace {

using fakes::TemporaryDirectory;

TEST(TableOccupancy, IsReadAsItWasWritten) {
  const std::vector<Occupancy> rows = {
      {1, 0, "node0", 10, 1000, 5000}, {1, 3, "node3", 0, 0, 0}, {612, 0, "", UINT64_MAX, 43, 9}};
  const Result<std::vector<Occupancy>> read = ParseOccupancy(FormatOccupancy(rows));
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(*read, rows);
}

TEST(TableOccupancy, OfARankIsOneLineWhateverItsHostIsCalled) {
  const Result<std::vector<Occupancy>> read = ParseOccupancy(FormatOccupancy({{1, 0, "a host\n", 1, 2, 3}}));
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(read->at(0).host, "a?host?");
}

TEST(TableOccupancy, ThatIsDamagedIsRefused) {
  const std::string good = FormatOccupancy({{1, 0, "node0", 10, 1000, 5000}});
  EXPECT_FALSE(ParseOccupancy(""));
  EXPECT_FALSE(ParseOccupancy("something else\n"));
  EXPECT_FALSE(ParseOccupancy(good.substr(0, good.size() - 1))) << "cut off";
  for (const char* line : {"0 node0 10 1000", "0 node0 10 1000 5000 1", "x node0 10 1000 5000", "0 node0 -1 1000 5000",
                           "0 node0 10 1000 5000x", "+0 - 1 1 1", "99999999999 a 1 1 1"}) {
    const Result<std::vector<Occupancy>> read = ParseOccupancy(good + line + "\n");
    ASSERT_FALSE(read) << line;
    EXPECT_THAT(read.error().message, testing::HasSubstr("line 3"));
  }
}

TEST(TableOccupancy, OfAJobIsThreeFiles) {
  const TemporaryDirectory directory;
  const Profile sample = SampleProfile();
  const Status written = WriteOccupancy(directory.At("tables/final"), sample.ranks);
  ASSERT_TRUE(written) << written.error().Describe();
  for (const char* name : {"data", "tree", "md"}) {
    const Result<std::string> text =
        ReadWholeFile(directory.At("tables/final/" + std::string(name) + "_cache_size.output"));
    ASSERT_TRUE(text) << text.error().Describe();
    const Result<std::vector<Occupancy>> rows = ParseOccupancy(*text);
    ASSERT_TRUE(rows) << rows.error().Describe();
    EXPECT_EQ(rows->size(), sample.ranks.size());
  }
}

}  // namespace
}  // namespace copper::profile
