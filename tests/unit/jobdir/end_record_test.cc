#include "copper/jobdir/end_record.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "copper/base/files.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using By = KnownEnd::By;

class EndRecordTest : public testing::Test {
 protected:
  void SetUp() override {
    Begin("1");
    record_.SetOurs("1");
  }
  void Begin(const std::string& id) const {
    ASSERT_TRUE(job_.Prepare());
    ASSERT_TRUE(WriteWholeFile(job_.ready_file(), R"({"job": ")" + id + R"("})"));
  }
  static std::string ReasonIn(const JobDirectory& directory) {
    return TextOf(ParseJson(ReadWholeFile(directory.exit_file()).value_or("{}")).value_or(Json::object()), "reason");
  }
  bool IsReady() const { return std::filesystem::exists(job_.ready_file()); }
  bool Write(const KnownEnd& end) {
    JobClaim claim(job_, "1", UniqueFd());
    return EndRecord(job_, elsewhere_, {record_, claim, log_}).Write(end);
  }

  fakes::TemporaryDirectory directory_;
  const JobDirectory job_{directory_.At("job")};
  const JobDirectory elsewhere_{directory_.At("elsewhere")};
  JobRecord record_{job_, "node", 0};
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
};

TEST_F(EndRecordTest, OfTheConductorIsInTheJobDirectoryWhichIsFreeThen) {
  JobClaim claim(job_, "1", UniqueFd());
  const EndRecord record(job_, elsewhere_, {record_, claim, log_});
  EXPECT_TRUE(record.Write({.status = 1, .reason = "asked to", .lost = {2}, .by = By::kConductor}));
  EXPECT_EQ(ReasonIn(job_), "asked to");
  EXPECT_FALSE(IsReady());
  EXPECT_FALSE(std::filesystem::exists(elsewhere_.root()));
  EXPECT_TRUE(LockJobDirectory(job_));
}

TEST_F(EndRecordTest, OfARankAloneDoesNotTakeThePlaceOfTheConductors) {
  EXPECT_TRUE(Write({.status = 1, .reason = "no word", .lost = {}, .by = By::kAlone}));
  EXPECT_EQ(ReasonIn(job_), "no word");
  EXPECT_FALSE(IsReady());
  EXPECT_TRUE(Write({.status = 0, .reason = "asked to", .lost = {}, .by = By::kConductor}));
  EXPECT_TRUE(Write({.status = 1, .reason = "no word", .lost = {}, .by = By::kAlone}));
  EXPECT_EQ(ReasonIn(job_), "asked to");
}

TEST_F(EndRecordTest, OthersLeaveTheSayingToTheConductor) {
  EXPECT_TRUE(Write({.status = 0, .reason = "asked to", .lost = {}, .by = By::kFollower}));
  EXPECT_EQ(ReasonIn(job_), "");
  EXPECT_TRUE(IsReady());
}

TEST_F(EndRecordTest, InAnotherJobsDirectoryNothingIsTouched) {
  const Result<UniqueFd> others = LockJobDirectory(job_);
  ASSERT_TRUE(others);
  Begin("2");
  EXPECT_FALSE(Write({.status = 1, .reason = "a rank was lost", .lost = {}, .by = By::kConductor}));
  EXPECT_EQ(ReasonIn(job_), "");
  EXPECT_TRUE(IsReady());
  EXPECT_EQ(ReasonIn(elsewhere_), "a rank was lost");
}

TEST_F(EndRecordTest, ElsewhereIsWrittenWhatSomebodyLooksForThere) {
  const auto write = [this](int status, By by, bool by_mount) {
    std::filesystem::remove_all(elsewhere_.root());
    JobClaim claim(job_, "1", UniqueFd());
    EndRecord(job_, elsewhere_, {record_, claim, log_})
        .WriteElsewhere({.status = status, .reason = "ended", .lost = {}, .by = by, .stopped_by_mount = by_mount});
    return ReasonIn(elsewhere_) == "ended";
  };
  EXPECT_TRUE(write(1, By::kConductor, false));
  EXPECT_TRUE(write(0, By::kConductor, true));
  EXPECT_FALSE(write(0, By::kConductor, false));
  EXPECT_FALSE(write(1, By::kAlone, true));
}

}  // namespace
}  // namespace copper
