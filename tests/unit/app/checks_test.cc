#include "app/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace copper::app {
namespace {

using testing::HasSubstr;

TEST(CheckAddressSpace, OneInWhichMpiHangsIsRefused) {
  EXPECT_TRUE(CheckAddressSpace(UINT64_MAX));
  EXPECT_TRUE(CheckAddressSpace(uint64_t{128} << 20));
  const Status refused = CheckAddressSpace(100'000'000);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("may map 95 MiB"));
  EXPECT_THAT(refused.error().message, HasSubstr("ulimit -v"));
}

TEST(OpenFilesNeeded, GrowsWithPeersAndWithWhatReadsTheSource) {
  Options options;
  const uint64_t alone = OpenFilesNeeded(options, 1);
  EXPECT_GT(alone, 64U + 3U * 16U) << "what libraries have, and what three pools read";
  EXPECT_LT(alone, 256U);
  EXPECT_EQ(OpenFilesNeeded(options, 64), OpenFilesNeeded(options, 32) + 32 - 2 * 8)
      << "of 16 reads beside, 8 are left";
  EXPECT_LT(OpenFilesNeeded(options, 100'000), 1024U) << "as many hosts have it";
  options.source_ops = 400;
  EXPECT_GT(OpenFilesNeeded(options, 1), alone + 400);
}

TEST(CheckOpenFiles, SaysHowManyAreNeeded) {
  const Options options;
  const uint64_t needed = OpenFilesNeeded(options, 4);
  EXPECT_TRUE(CheckOpenFiles(options, 4, needed, false));
  EXPECT_TRUE(CheckOpenFiles(options, 4, UINT64_MAX, true));
  EXPECT_TRUE(CheckOpenFiles(options, 4, needed - 1, true)) << "there is time to agree";
  for (const auto& [limit, at_once] : {std::pair{needed - 1, false}, std::pair{uint64_t{64}, true}}) {
    const Status checked = CheckOpenFiles(options, 4, limit, at_once);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, EMFILE);
    EXPECT_THAT(checked.error().message, testing::AllOf(HasSubstr(std::to_string(needed)), HasSubstr("ulimit -Hn"),
                                                        HasSubstr("may have " + std::to_string(limit))));
  }
}

}  // namespace
}  // namespace copper::app
