#include "app/profiling.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace copper::app {
namespace {

profile::Profile Recorded(const Options& options) {
  const fakes::FakeClock clock;
  profile::Profile profile;
  if (const auto recorder = MakeRecorder(options, 1 << 20, clock)) recorder->Fill(profile);
  return profile;
}

TEST(MakeRecorder, RecordsWhatTheOptionsSay) {
  Options options;
  EXPECT_FALSE(Recorded(options).IsOn());
  options.profile_top_n = 5;
  EXPECT_TRUE(Recorded(options).metrics) << "operations are, with any of them";
  EXPECT_EQ(Recorded(options).top_n, 5U);
  EXPECT_FALSE(Recorded(options).paths_full);
  options.profile_paths_full = true;
  EXPECT_TRUE(Recorded(options).paths_full);
}

}  // namespace
}  // namespace copper::app
