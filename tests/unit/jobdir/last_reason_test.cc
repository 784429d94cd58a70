#include "copper/jobdir/last_reason.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using fakes::TemporaryDirectory;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LastReasonTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(job_.Prepare()); }
  TemporaryDirectory directory_;
  JobDirectory job_{directory_.path()};
};

TEST_F(LastReasonTest, OneLineForEachRankSorted) {
  EXPECT_THAT(ReadReasons(job_), IsEmpty());
  ASSERT_TRUE(RecordReason(job_, "b", 7, "second"));
  ASSERT_TRUE(RecordReason(job_, "a", 8, "first"));
  EXPECT_THAT(ReadReasons(job_), ElementsAre("first", "second"));
}

TEST_F(LastReasonTest, TheCauseStaysWhateverFollows) {
  ASSERT_TRUE(RecordReason(job_, "a", 1, "the cause"));
  ASSERT_TRUE(RecordReason(job_, "a", 1, "a consequence"));
  EXPECT_THAT(ReadReasons(job_), ElementsAre("the cause"));
}

TEST_F(LastReasonTest, WhereNothingCouldBeWrittenTheNameTells) {
  std::ofstream(job_.reason_file("node", 77)).close();
  EXPECT_THAT(ReadReasons(job_), ElementsAre(HasSubstr("node-77")));
}

TEST_F(LastReasonTest, TheNextJobBeginsWithout) {
  ASSERT_TRUE(RecordReason(job_, "a", 1, "old"));
  ASSERT_TRUE(job_.Prepare());
  EXPECT_THAT(ReadReasons(job_), IsEmpty());
}

TEST_F(LastReasonTest, NoDirectoryNoReasons) {
  const JobDirectory absent(directory_.path() + "/absent");
  EXPECT_FALSE(RecordReason(absent, "a", 1, "lost"));
  EXPECT_THAT(ReadReasons(absent), IsEmpty());
}

}  // namespace
}  // namespace copper
