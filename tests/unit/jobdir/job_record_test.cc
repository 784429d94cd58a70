#include "copper/jobdir/job_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "copper/base/files.h"
#include "copper/jobdir/json.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

class JobRecordTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(job_.Prepare());
    record_.SetOurs("job 1");
  }
  Json Exit() const { return ParseJson(ReadWholeFile(job_.exit_file()).value_or("")).value_or(Json()); }

  fakes::TemporaryDirectory directory_;
  JobDirectory job_{directory_.path()};
  JobRecord record_{job_, "node1", 1};
};

TEST_F(JobRecordTest, ARankThatEndsAloneRecordsTheEndWhereNobodyElseHas) {
  ASSERT_TRUE(record_.ExitAlone(1, "no word", {}));
  EXPECT_EQ(Exit()["reason"], "no word");
  EXPECT_EQ(Exit()["job"], "job 1");
  for (const auto& entry : std::filesystem::directory_iterator(job_.logs())) {
    EXPECT_EQ(entry.path().filename(), "exit.json") << "nothing else is left";
  }
}

TEST_F(JobRecordTest, ARankThatEndsAloneDoesNotTakeTheWordOfTheConductor) {
  ASSERT_TRUE(record_.Exit(0, "asked to stop", {2}));
  const Status recorded = record_.ExitAlone(1, "no word", {});
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, EEXIST);
  EXPECT_EQ(Exit()["reason"], "asked to stop");
}

TEST_F(JobRecordTest, TheConductorsWordCountsWhenItComesLater) {
  ASSERT_TRUE(record_.ExitAlone(1, "no word", {}));
  ASSERT_TRUE(record_.Exit(0, "asked to stop"));
  EXPECT_EQ(Exit()["status"], 0);
}

// By the parent of a daemon, say, which does not know the job.
TEST_F(JobRecordTest, OfTheDeadNothingIsMadeWhereSomebodyHasRemovedTheDirectory) {
  JobRecord left_behind(job_, "node1", 1);
  left_behind.MakeNothing();
  left_behind.Death(71, SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(job_.reason_file("node1", 71)));
  std::filesystem::remove_all(job_.root());
  left_behind.Death(72, SIGKILL);
  left_behind.Unmounted(72);
  EXPECT_FALSE(std::filesystem::exists(job_.root()));
  JobRecord starting(job_, "node1", 1);
  starting.Death(73, SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(job_.reason_file("node1", 73))) << "before it was made";
}

}  // namespace
}  // namespace copper
