#include "copper/jobdir/job_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "copper/base/files.h"
#include "copper/jobdir/job_record.h"
#include "copper/jobdir/last_reason.h"
#include "fakes/temporary_directory.h"

namespace copper {
namespace {

using testing::HasSubstr;

class JobLockTest : public testing::Test {
 protected:
  std::string In(const std::string& name) const { return directory_.path() + "/" + name; }

  fakes::TemporaryDirectory directory_;
};

TEST_F(JobLockTest, JobDirectoryMayBeAbsentOrOnesOwn) {
  EXPECT_TRUE(CheckJobDirectory(directory_.path()));
  EXPECT_TRUE(CheckJobDirectory(In("new/below/it")));
}

TEST_F(JobLockTest, JobDirectoryIsNoFile) {
  ASSERT_TRUE(WriteWholeFile(In("file"), ""));
  const Status checked = CheckJobDirectory(In("file"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ENOTDIR);
}

TEST_F(JobLockTest, JobDirectoryIsNobodyElses) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_TRUE(MakeDirectories(In("theirs")));
  ASSERT_EQ(chown(In("theirs").c_str(), 12345, 12345), 0);
  const Status checked = CheckJobDirectory(In("theirs"));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("somebody else"));
}

TEST_F(JobLockTest, JobDirectoryIsNotReachedThroughSomebodyElsesSymlink) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a symlink away";
  ASSERT_TRUE(MakeDirectories(In("mine")));
  std::filesystem::create_symlink(In("mine"), In("link"));
  EXPECT_TRUE(CheckJobDirectory(In("link/job")));
  ASSERT_EQ(lchown(In("link").c_str(), 12345, 12345), 0);
  for (const char* path : {"link", "link/job"}) {
    const Status checked = CheckJobDirectory(In(path));
    ASSERT_FALSE(checked) << path;
    EXPECT_THAT(checked.error().message, HasSubstr(In("link")));
  }
}

TEST_F(JobLockTest, OneJobAtATime) {
  const JobDirectory job(In("job"));
  Result<UniqueFd> first = LockJobDirectory(job);
  ASSERT_TRUE(first);
  const Result<UniqueFd> second = LockJobDirectory(job);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  first->Reset();
  EXPECT_TRUE(LockJobDirectory(job));
}

TEST_F(JobLockTest, WhoOnlyLooksWhetherAJobRunsKeepsNoneFromStarting) {
  const JobDirectory job(In("job"));
  ASSERT_TRUE(job.Prepare());
  EXPECT_FALSE(job.IsLocked());
  UniqueFd looking(open(job.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(looking.get(), LOCK_SH), 0);
  const std::jthread leaving([&looking] {
    PauseBetweenLooks();
    looking.Reset();
  });
  const Result<UniqueFd> lock = LockJobDirectory(job);
  EXPECT_TRUE(lock);
  EXPECT_TRUE(job.IsLocked());
}

TEST_F(JobLockTest, AFailedStartLeavesItsReasonButNotInARunningJob) {
  const JobDirectory job(In("job"));
  const JobRecord record(job, "node", 3);
  ASSERT_TRUE(record.Exit(2, "no target"));
  record.Reason("no memory");
  EXPECT_THAT(ReadWholeFile(job.exit_file()).value_or(""), HasSubstr("no target"));
  EXPECT_THAT(ReadReasons(job),
              testing::ElementsAre(testing::AllOf(HasSubstr("rank 3 on node"), HasSubstr("no memory"))));
  const Result<UniqueFd> running = LockJobDirectory(job);
  ASSERT_TRUE(running);
  ASSERT_TRUE(job.Prepare());
  const JobRecord other(job, "other-node", 0);
  ASSERT_TRUE(other.Exit(2, "another"));
  other.Reason("another");
  EXPECT_FALSE(ReadWholeFile(job.exit_file()));
  EXPECT_THAT(ReadReasons(job), testing::IsEmpty());
}

class JobClaimTest : public JobLockTest {
 protected:
  void Begin(const std::string& id) {
    ASSERT_TRUE(job_.Prepare());
    ASSERT_TRUE(WriteWholeFile(job_.ready_file(), R"({"job": ")" + id + R"("})"));
  }
  const JobDirectory job_{In("job")};
};

TEST_F(JobClaimTest, RankZeroHasItAsLongAsTheDirectoryIsThere) {
  Result<UniqueFd> lock = LockJobDirectory(job_);
  ASSERT_TRUE(lock);
  JobClaim claim(job_, "1", std::move(*lock));
  EXPECT_TRUE(claim.Holds());
  std::filesystem::remove_all(job_.root());
  EXPECT_FALSE(claim.Holds());
  Begin("1");
  EXPECT_FALSE(claim.Holds()) << "made again: another one's";
}

TEST_F(JobClaimTest, ADeputyHasItWhereRankZeroIsGoneAndKeepsOtherJobsOut) {
  Result<UniqueFd> lock = LockJobDirectory(job_);
  ASSERT_TRUE(lock);
  Begin("1");
  JobClaim deputy(job_, "1", UniqueFd());
  lock->Reset();
  EXPECT_TRUE(deputy.Holds());
  EXPECT_FALSE(LockJobDirectory(job_));
}

TEST_F(JobClaimTest, ADeputyOfAFrozenRankZeroHasItUntilAnotherJobBegins) {
  const Result<UniqueFd> lock = LockJobDirectory(job_);
  ASSERT_TRUE(lock);
  Begin("1");
  JobClaim deputy(job_, "1", UniqueFd());
  EXPECT_TRUE(deputy.Holds());
  Begin("2");
  EXPECT_FALSE(deputy.Holds());
}

TEST_F(JobClaimTest, ARankThatComesLateWritesNothingIntoAnotherJob) {
  Begin("1");
  const JobClaim late(job_, "1", UniqueFd());
  EXPECT_TRUE(late.IsOurs());
  std::filesystem::remove(job_.ready_file());
  JobRecord record(job_, "node", 0);
  record.SetOurs("1");
  ASSERT_TRUE(record.Exit(0, "ended"));
  EXPECT_TRUE(late.IsOurs()) << "it was the last to end";
  Begin("2");
  EXPECT_FALSE(late.IsOurs());
  std::filesystem::remove_all(job_.root());
  EXPECT_FALSE(late.IsOurs());
}

}  // namespace
}  // namespace copper
