#include "copper/job/job_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "copper/base/files.h"
#include "copper/profile/profile_file.h"
#include "fakes/fake_clock.h"
#include "fakes/sample_profile.h"
#include "fakes/temporary_directory.h"
#include "queue.h"

namespace copper::job {
namespace {

using profile::Profile;
using testing::HasSubstr;

// The end of a job of which this rank has the profile.
class JobProfileTest : public testing::Test {
 protected:
  JobProfileTest() { whole_.tag = "final"; }
  static JobDirectory Begun(const std::string& path) {
    const JobDirectory job(path);
    EXPECT_TRUE(job.Prepare());
    EXPECT_TRUE(WriteWholeFile(job.ready_file(), R"({"job": "1"})"));
    return job;
  }
  static bool RunAside(std::string_view, Task work) {
    work();
    return true;
  }
  std::string InElsewhere(const std::string& name) const { return elsewhere_ + "/profiling/final/" + name; }

  struct NoReducer final : profile::Reducer {
    Status Reduce(std::optional<Profile>&, TimePoint) override { return Fail(EHOSTDOWN); }
  };
  fakes::TemporaryDirectory directory_;
  const JobDirectory job_ = Begun(directory_.At("job"));
  const std::string elsewhere_ = directory_.At("elsewhere");
  NoReducer reducer_;
  Queue queue_;
  fakes::FakeClock clock_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  const JobClaim claim_{job_, "1", UniqueFd()};
  Profile whole_ = SampleProfile();
  const JobProfile profile_{{.is_on = true, .elsewhere = elsewhere_, .host = "node7"},
                            job_,
                            {reducer_, queue_, queue_, clock_, log_, claim_},
                            [](const std::string&) { return Profile(); }};
};

TEST_F(JobProfileTest, TheWholeIsInTheJobDirectoryWithTheTables) {
  EXPECT_FALSE(profile_.KeepWhole(whole_, RunAside));
  const Result<Profile> read = profile::ReadProfile(job_.profile_file("final"));
  ASSERT_TRUE(read) << read.error().Describe();
  EXPECT_EQ(read->ranks, whole_.ranks);
  EXPECT_TRUE(std::filesystem::exists(job_.final_tables() + "/data_cache_size.output"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere_));
}

TEST_F(JobProfileTest, WhatTheJobDirectoryDoesNotTakeLiesElsewhereAndIsSaid) {
  std::filesystem::remove_all(job_.root());
  const auto unwritten = profile_.KeepWhole(whole_, RunAside);
  ASSERT_TRUE(unwritten);
  EXPECT_THAT(unwritten->what, HasSubstr(job_.root() + " is gone, or another job's by now"));
  EXPECT_EQ(unwritten->elsewhere, InElsewhere("copper_profile.h5") + " on node7");
  EXPECT_TRUE(profile::ReadProfile(InElsewhere("copper_profile.h5")));
  const auto own = profile_.KeepOwn(whole_, RunAside);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->elsewhere, InElsewhere("rank-0.h5") + " on node7");
}

TEST_F(JobProfileTest, AJobDirectoryThatHangsIsLeftBehind) {
  const auto hangs = [](std::string_view what, Task work) {
    if (what.contains("job directory")) return false;
    work();
    return true;
  };
  const auto unwritten = profile_.KeepOwn(whole_, hangs);
  ASSERT_TRUE(unwritten);
  EXPECT_THAT(unwritten->what, HasSubstr("what is written hangs), and lies in " + InElsewhere("rank-0.h5")));
  EXPECT_FALSE(std::filesystem::exists(job_.rank_profile_file(0)));
}

TEST_F(JobProfileTest, WhereTheLibraryHangsNothingIsWrittenAnywhere) {
  const auto unwritten = profile_.KeepWhole(whole_, [](std::string_view, Task) { return false; });
  ASSERT_TRUE(unwritten);
  EXPECT_THAT(unwritten->what, HasSubstr("copper_hdf5.so can't be loaded"));
  EXPECT_EQ(unwritten->elsewhere, "");
  EXPECT_FALSE(std::filesystem::exists(elsewhere_));
}

TEST_F(JobProfileTest, WithoutProfilingTheTablesAloneAreWritten) {
  whole_.metrics = whole_.paths_full = false;
  whole_.top_n = 0;
  EXPECT_FALSE(profile_.KeepWhole(whole_, RunAside));
  EXPECT_FALSE(std::filesystem::exists(job_.profile_file("final")));
  EXPECT_TRUE(std::filesystem::exists(job_.final_tables() + "/md_cache_size.output"));
}

}  // namespace
}  // namespace copper::job
