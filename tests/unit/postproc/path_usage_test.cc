#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "fakes/sample_profile.h"
#include "text.h"
#include "verb_run.h"

namespace copper::postproc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The checked-in profile, as if its job had used the files in a directory of the test's own.
class PathUsageTest : public JobFixture {
 protected:
  void SetUp() override {
    Result<profile::Profile> small = profile::ReadProfile(SmallProfile());
    ASSERT_TRUE(small) << small.error().Describe();
    profile::PathRun here;
    small->paths.ForEach(
        [&](std::string_view path, const profile::PathUse& use) { here.Append(source_ + std::string(path), use); });
    small->paths = std::move(here);
    PutProfile(*small);
    for (const auto& [path, use] : RowsOf(small->paths)) {
      const bool file = use.kind == profile::PathKind::kFile;
      if (file && path.size() < 1000) Put(path, "x");  // longer ones are no names that a file could have
    }
    Put(source_ + "/env/lib/libgone.so.1", "has appeared");
    Put(source_ + "/env/share/never\nused", "x");
    Put(source_ + "/env/bin/unused", "x");
  }

  std::vector<std::string> Lines(const std::string& name) {
    std::vector<std::string> lines;
    std::istringstream text(Text(job_ + "/paths_dir/" + name));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }

  const std::string source_ = directory_.At("source");
};

TEST_F(PathUsageTest, WritesWhatItAlwaysWrote) {
  const Ran ran = RunVerb([&] { return PathUsage(job_, {source_ + "/data"}, "", true); });
  ASSERT_EQ(ran.status, 0) << ran.error;
  ExpectGolden(job_ + "/paths_dir", "path-usage");
}

TEST_F(PathUsageTest, ListsAddUpAndAreSorted) {
  ASSERT_EQ(RunVerb([&] { return PathUsage(job_, {source_}, "", true); }).status, 0);
  const std::vector<std::string> all = Lines("all_possible_existing_paths.txt");
  std::vector<std::string> parts = Lines("used_paths_existing.txt");
  std::ranges::copy(Lines("same_run_candidate_not_observed_existing_paths.txt"), std::back_inserter(parts));
  std::ranges::sort(parts, {}, Unescape);
  EXPECT_EQ(all, parts);
  std::vector<std::string> expected = {source_};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_))
    expected.push_back(entry.path().native());
  std::ranges::sort(expected);
  ASSERT_EQ(all.size(), expected.size());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(Unescape(all[i]), expected[i]);
}

TEST_F(PathUsageTest, ASecondRunReplacesTheFirst) {
  const std::string output = directory_.At("output");
  for (int i = 0; i < 2; ++i) {
    const Ran ran = RunVerb([&] { return PathUsage(job_, {}, output, true); });
    ASSERT_EQ(ran.status, 0) << ran.error;
    EXPECT_EQ(NamesIn(output).size(), 6U);
  }
  EXPECT_FALSE(std::filesystem::exists(job_ + "/paths_dir"));
}

TEST_F(PathUsageTest, TakesFoldersOfTheHomeUnlessTold) {
  const std::string before = getenv("HOME") != nullptr ? getenv("HOME") : "";
  setenv("HOME", source_.c_str(), 1);
  EXPECT_EQ(RunVerb([&] { return PathUsage(job_, {}, "", false); }).status, 0);
  EXPECT_THAT(Text(job_ + "/paths_dir/roots_and_counts.txt"), HasSubstr("- " + source_ + "/data\n"));
  EXPECT_EQ(RunVerb([&] { return PathUsage(job_, {}, "", true); }).status, 0);
  EXPECT_THAT(Text(job_ + "/paths_dir/roots_and_counts.txt"), testing::Not(HasSubstr("- " + source_ + "/data\n")));
  setenv("HOME", before.c_str(), 1);
}

TEST_F(PathUsageTest, WithoutPathsSaysHowToRecordThem) {
  profile::Profile profile = SampleProfile();
  profile.paths = {};
  profile.paths_full = false;
  PutProfile(profile);
  const Ran ran = RunVerb([&] { return PathUsage(job_, {}, "", true); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("--profile-paths-full"));
  EXPECT_FALSE(std::filesystem::exists(job_ + "/paths_dir"));
}

TEST_F(PathUsageTest, OfBadInputIsOneLineAndNoOutput) {
  Put(directory_.At("file"), "x");
  const auto refuse = [&](const std::string& job, const std::vector<std::string>& roots, const std::string& output) {
    const Ran ran = RunVerb([&] { return PathUsage(job, roots, output, true); });
    EXPECT_EQ(ran.status, 1);
    EXPECT_EQ(std::ranges::count(ran.error, '\n'), 1) << ran.error;
    return ran.error;
  };
  EXPECT_THAT(refuse(job_, {directory_.At("gone")}, ""), HasSubstr(directory_.At("gone")));
  EXPECT_THAT(refuse(job_, {}, directory_.At("file")), HasSubstr("cannot write into " + directory_.At("file")));
  EXPECT_THAT(refuse(job_ + "/logs", {}, ""), HasSubstr("give the job directory itself, " + job_));
  EXPECT_FALSE(std::filesystem::exists(job_ + "/paths_dir"));
}

}  // namespace
}  // namespace copper::postproc
