#include <gmock/gmock.h>

#include "cache_tables.h"
#include "copper/jobdir/json.h"
#include "copper/profile/table_occupancy.h"
#include "fakes/sample_profile.h"
#include "verb_run.h"

namespace copper::postproc {
namespace {

using profile::Table;
using testing::ElementsAre;
using testing::HasSubstr;

class CacheUsageTest : public JobFixture {
 protected:
  void PutOccupancy(const std::string& directory) {
    const Status written = profile::WriteOccupancy(directory, SampleProfile().ranks);
    ASSERT_TRUE(written) << written.error().Describe();
  }
};

TEST_F(CacheUsageTest, OfAnEndedJobStandsBesideItsTables) {
  PutOccupancy(job_ + "/tables/final");
  const Ran ran = RunVerb([&] { return CacheUsage(job_, "", ""); });
  ASSERT_EQ(ran.status, 0) << ran.error;
  EXPECT_EQ(ran.out, Text(job_ + "/tables/final/cache_usage_summary.txt"));
  ExpectGolden(job_ + "/tables/final", "cache-usage");
}

TEST_F(CacheUsageTest, OfEarlierOutputsIsTheSameAgain) {
  PutOccupancy(directory_.At("outputs"));
  ASSERT_EQ(RunVerb([&] { return CacheUsage(directory_.At("outputs"), "", ""); }).status, 0);
  const std::string first = Text(directory_.At("outputs/cache_usage_summary.csv"));
  ASSERT_EQ(RunVerb([&] { return CacheUsage(directory_.At("outputs"), "", directory_.At("other.csv")); }).status, 0);
  EXPECT_EQ(Text(directory_.At("outputs/cache_usage_summary.csv")), first);
  EXPECT_EQ(Text(directory_.At("other.csv")), first);
}

TEST_F(CacheUsageTest, IsCopiedWithItsTablesToAnotherDirectory) {
  PutOccupancy(job_ + "/tables/final");
  ASSERT_EQ(RunVerb([&] { return CacheUsage(job_, directory_.At("output"), ""); }).status, 0);
  EXPECT_EQ(Text(directory_.At("output/md_cache_size.output")), Text(job_ + "/tables/final/md_cache_size.output"));
  EXPECT_THAT(NamesIn(job_ + "/tables/final"),
              ElementsAre("data_cache_size.output", "md_cache_size.output", "tree_cache_size.output"));
}

TEST_F(CacheUsageTest, OfNothingSaysWhatIsMissing) {
  const Ran ran = RunVerb([&] { return CacheUsage(job_, "", ""); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.error, HasSubstr("nothing is running in " + job_));
  EXPECT_THAT(ran.error, HasSubstr(job_ + "/tables/final"));
}

TEST_F(CacheUsageTest, OfADamagedTableNamesTheLine) {
  PutOccupancy(job_ + "/tables/final");
  const std::string file = job_ + "/tables/final/tree_cache_size.output";
  Put(file, Text(file) + "rubbish\n");
  const Ran ran = RunVerb([&] { return CacheUsage(job_, "", ""); });
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.error, "copper: " + file + " makes no sense in line 5\n");
  EXPECT_FALSE(std::filesystem::exists(job_ + "/tables/final/cache_usage_summary.txt"));
}

Json Rank(uint64_t rank, uint64_t bytes) {
  const Json table = {{"entries", 1U}, {"bytes", bytes}};
  return {{"rank", rank},
          {"host", "node" + std::to_string(rank)},
          {"cache",
           {{"metadata", table},
            {"tree", table},
            {"data", table},
            {"budget", {{"limit_bytes", 100U}, {"held_bytes", 3U}}}}}};
}

TEST(CacheTables, OfARunningJobAreByRank) {
  const Json status = {{"ranks", {Rank(1, 20), Rank(0, 10)}}, {"totals", {{"ranks", 2U}, {"unreachable", {2U}}}}};
  const Result<CacheTables> tables = CacheTablesOf(status);
  ASSERT_TRUE(tables) << tables.error().Describe();
  EXPECT_THAT(
      tables->rows[static_cast<size_t>(Table::kTree)],
      ElementsAre(profile::Occupancy{1, 0, "node0", 1, 10, 100}, profile::Occupancy{1, 1, "node1", 1, 20, 100}));
  EXPECT_THAT(tables->unreachable, ElementsAre("2"));
  EXPECT_THAT(CacheSummary(*tables, "x"), HasSubstr("in no count: 2"));
}

TEST(CacheTables, OfAJobOfThousandsKeepTheirSums) {
  Json totals = Rank(0, 90);
  totals["ranks"] = 1000U;
  totals["cache"]["budget"]["limit_bytes"] = 100'000U;
  const Json status = {{"ranks", {Rank(0, 10)}}, {"totals", totals}};
  const Result<CacheTables> tables = CacheTablesOf(status);
  ASSERT_TRUE(tables) << tables.error().Describe();
  EXPECT_THAT(tables->rows[0], ElementsAre(profile::Occupancy{1, 0, "node0", 1, 10, 100},
                                           profile::Occupancy{999, 0, "", 0, 80, 99'900}));
  EXPECT_THAT(CacheSummaryCsv(*tables), HasSubstr("metadata,1000,90,90 B,1"));
}

TEST(CacheTables, OfNoStatusAreRefused) {
  EXPECT_FALSE(CacheTablesOf(Json()));
  EXPECT_FALSE(CacheTablesOf(Json::object()));
  EXPECT_FALSE(CacheTablesOf(Json{{"ranks", {1, 2}}, {"totals", Json::object()}}));
}

TEST(CacheTables, WithoutABudgetHaveNoneInTheirSummary) {
  CacheTables tables;
  tables.rows[static_cast<size_t>(Table::kData)] = {{1, 0, "node0", 1025, 70'296'558, 0}};
  EXPECT_EQ(CacheSummaryCsv(tables),
            "Table,Files Found,Used Bytes,Used Human,Entries\n"
            "data,1,70296558,67.04 MiB,1025\n"
            "tree,0,0,0 B,0\n"
            "metadata,0,0,0 B,0\n"
            "combined,,70296558,67.04 MiB,1025\n");
}

}  // namespace
}  // namespace copper::postproc
