#include "copper/jobdir/command_line.h"

#include <gtest/gtest.h>

namespace copper {
namespace {

using Arguments = std::vector<std::string>;

Arguments Normalize(const Arguments& arguments) {
  return NormalizeArguments(arguments, {{"vpath", "mount"}, {"es", "threads"}});
}

TEST(CommandLine, EstablishedSpellingsBecomeGnuOnes) {
  EXPECT_EQ(Normalize({"-log_level", "4"}), (Arguments{"--log-level", "4"}));
  EXPECT_EQ(Normalize({"-profile_paths_full"}), (Arguments{"--profile-paths-full"}));
  EXPECT_EQ(Normalize({"-log_level=4"}), (Arguments{"--log-level=4"}));
  EXPECT_EQ(Normalize({"-vpath", "/tmp/a_b", "-es", "8"}), (Arguments{"--mount", "/tmp/a_b", "--threads", "8"}));
  EXPECT_EQ(Normalize({"-vpath=/tmp/a_b"}), (Arguments{"--mount=/tmp/a_b"}));
}

TEST(CommandLine, EverythingElseStays) {
  const Arguments same = {"--log-level", "4", "-h", "file_name", "--x_y", "-1", "-", "-12_3", ""};
  EXPECT_EQ(Normalize(same), same);
  EXPECT_EQ(Normalize({"-log_level", "--", "-log_level"}), (Arguments{"--log-level", "--", "-log_level"}));
  EXPECT_TRUE(Normalize({}).empty());
}

}  // namespace
}  // namespace copper
