#include <gmock/gmock.h>

#include <algorithm>

#include "fakes/sample_profile.h"
#include "verb_run.h"

namespace copper::postproc {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class AggregateProfilingTest : public JobFixture {
 protected:
  std::string Cluster(const std::string& name) const { return job_ + "/profiling/cluster/" + name; }
};

TEST_F(AggregateProfilingTest, WritesWhatItAlwaysWrote) {
  PutSmallProfile();
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); });
  EXPECT_EQ(ran.status, 0) << ran.error;
  EXPECT_THAT(ran.out, HasSubstr("wrote " + Cluster("cluster-profiling_summary.md")));
  ExpectGolden(job_ + "/profiling/cluster", "aggregate-profiling");
}

TEST_F(AggregateProfilingTest, HasEachPathOnOneLine) {
  PutSmallProfile();
  ASSERT_EQ(RunVerb([&] { return AggregateProfiling(job_, "nasty", {}); }).status, 0);
  const std::string csv = Text(Cluster("nasty-profiling_top_paths.csv"));
  const auto lines = static_cast<size_t>(std::ranges::count(csv, '\n'));
  size_t rows = 1;
  for (const auto& top : SampleProfile().top) rows += top.size();
  EXPECT_EQ(lines, rows);
  EXPECT_THAT(csv, HasSubstr("\"/data/a,comma\""));
  EXPECT_THAT(csv, HasSubstr("not utf-8 \\xff\\xfe"));
}

TEST_F(AggregateProfilingTest, AddsUpTheFilesOfSingleRanks) {
  profile::Profile one = SampleProfile();
  one.ranks.resize(1);
  profile::Profile other = SampleProfile();
  other.ranks.erase(other.ranks.begin());
  PutProfile(one, "rank-0.h5");
  PutProfile(other, "rank-1.h5");
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); });
  ASSERT_EQ(ran.status, 0) << ran.error;
  const std::string csv = Text(Cluster("cluster-profiling_aggregate.csv"));
  EXPECT_THAT(csv, HasSubstr("ranks_aggregated,3\n"));
  EXPECT_THAT(csv, HasSubstr("total_cache_hits,10800\n")) << "twice those of the sample";
  const std::string summary = Text(Cluster("cluster-profiling_summary.md"));
  EXPECT_THAT(summary, HasSubstr("Ranks missing: 2\n"));
  EXPECT_THAT(summary, HasSubstr("rank-1.h5"));
}

TEST_F(AggregateProfilingTest, CompletesTheWholeByTheFilesOfMissingRanksAlone) {
  PutSmallProfile();  // rank 2 is missing
  profile::Profile missing = SampleProfile();
  missing.ranks.resize(1);
  missing.ranks[0].rank = 2;
  PutProfile(missing, "rank-2.h5");
  PutProfile(SampleProfile(), "rank-3.h5");  // is in the whole
  ASSERT_EQ(RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); }).status, 0);
  const std::string csv = Text(Cluster("cluster-profiling_aggregate.csv"));
  EXPECT_THAT(csv, HasSubstr("ranks_aggregated,4\n"));
  EXPECT_THAT(csv, HasSubstr("total_cache_hits,10800\n"));
}

TEST_F(AggregateProfilingTest, DoesNotShowTotalsThatWereNotRecorded) {
  profile::Profile profile = SampleProfile();
  profile.metrics = false;
  profile.operations = {};
  PutProfile(profile);
  ASSERT_EQ(RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); }).status, 0);
  EXPECT_THAT(Text(Cluster("cluster-profiling_aggregate.csv")), Not(HasSubstr("total_cache_hits")));
  EXPECT_THAT(Text(Cluster("cluster-profiling_summary.md")), HasSubstr("Operations were not recorded"));
}

TEST_F(AggregateProfilingTest, ShowsHowMuchOfARootWasUsed) {
  const std::string root = directory_.At("root");
  for (const char* name : {"/used", "/unused", "/d/unused"}) Put(root + name, "x");
  profile::Profile profile = SampleProfile();
  profile.paths = {};
  profile.paths.Append(root, {.kind = profile::PathKind::kDirectory, .events = 1});
  profile.paths.Append(root + "/gone", {.kind = profile::PathKind::kAbsent, .events = 1});
  profile.paths.Append(root + "/used", {.kind = profile::PathKind::kFile, .events = 1});
  PutProfile(profile);
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {root}); });
  ASSERT_EQ(ran.status, 0) << ran.error;
  EXPECT_THAT(WithoutRoot(Text(Cluster("cluster-profiling_summary.md"))),
              HasSubstr("| `ROOT/root` | 3 | 1 | 3 | 33.33% | 1 | 2 | 50.00% | 1 | `ROOT/root` |"));
}

TEST_F(AggregateProfilingTest, WithoutAProfileNamesTheUsualCauses) {
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("failed to find profiling HDF5 file under: " + job_ + "/profiling/final\n"));
  for (const char* cause : {"not launched with profiling", "wrong directory", "not been stopped yet", "the run failed"})
    EXPECT_THAT(ran.error, HasSubstr(cause));
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(NamesIn(job_), testing::ElementsAre("logs"));
}

TEST_F(AggregateProfilingTest, OfAPartOfAJobDirectoryNamesTheRoot) {
  PutSmallProfile();
  std::filesystem::create_directories(job_ + "/profiling/cluster");
  for (const char* part : {"/logs", "/profiling/final", "/profiling/cluster", "/profiling/cluster/", "/profiling",
                           "/profiling/final/copper_profile.h5"}) {
    const Ran ran = RunVerb([&] { return AggregateProfiling(job_ + part, "cluster", {}); });
    EXPECT_EQ(ran.status, 1);
    EXPECT_THAT(ran.error, HasSubstr("give the job directory itself, " + job_ + "\n")) << part;
    EXPECT_EQ(std::ranges::count(ran.error, '\n'), 1) << ran.error;
  }
  EXPECT_THAT(NamesIn(job_ + "/profiling/cluster"), IsEmpty());
}

TEST_F(AggregateProfilingTest, AJobDirectoryMayBeCalledLogs) {
  const std::string logs = directory_.At("logs");
  std::filesystem::create_directories(logs + "/profiling/final");
  std::filesystem::copy_file(SmallProfile(), logs + "/profiling/final/copper_profile.h5");
  EXPECT_EQ(RunVerb([&] { return AggregateProfiling(logs, "cluster", {}); }).status, 0);
}

TEST_F(AggregateProfilingTest, OfBadInputIsOneLineAndNoOutput) {
  const std::string whole = Text(SmallProfile());
  const auto refuse = [&](const std::string& content, const std::string& says) {
    Put(job_ + "/profiling/final/copper_profile.h5", content);
    const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); });
    EXPECT_EQ(ran.status, 1);
    EXPECT_THAT(ran.error, HasSubstr("copper: "));
    EXPECT_THAT(ran.error, HasSubstr("copper_profile.h5"));
    EXPECT_THAT(ran.error, HasSubstr(says));
    EXPECT_EQ(std::ranges::count(ran.error, '\n'), 1) << ran.error;
    EXPECT_FALSE(std::filesystem::exists(job_ + "/profiling/cluster"));
  };
  refuse("", "");
  refuse("this is a text", "");
  refuse(whole.substr(0, whole.size() / 2), "");
  refuse(whole.substr(0, whole.size() - 1), "");
}

TEST_F(AggregateProfilingTest, OfAMissingUsageRootIsOneLineAndNoOutput) {
  PutSmallProfile();
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {directory_.At("gone")}); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.error, "copper: cannot use the usage root " + directory_.At("gone") + ": No such file or directory\n");
  EXPECT_FALSE(std::filesystem::exists(job_ + "/profiling/cluster"));
}

TEST_F(AggregateProfilingTest, ThatCannotBeWrittenSaysSo) {
  PutSmallProfile();
  Put(job_ + "/profiling/cluster", "a file");
  const Ran ran = RunVerb([&] { return AggregateProfiling(job_, "cluster", {}); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("cannot write into " + job_ + "/profiling/cluster"));
}

TEST_F(AggregateProfilingTest, TakesNoPrefixThatLeadsElsewhere) {
  PutSmallProfile();
  for (const char* prefix : {"", "../x", "a/b"})
    EXPECT_EQ(RunVerb([&] { return AggregateProfiling(job_, prefix, {}); }).status, 1) << prefix;
}

}  // namespace
}  // namespace copper::postproc
