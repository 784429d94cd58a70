#include "app/checks.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "copper/base/files.h"
#include "copper/jobdir/job_lock.h"
#include "copper/jobdir/job_record.h"
#include "copper/jobdir/last_reason.h"
#include "fakes/temporary_directory.h"

namespace copper::app {
namespace {

using fakes::TemporaryDirectory;

using testing::HasSubstr;

class ChecksTest : public testing::Test {
 protected:
  std::string In(const std::string& name) const { return directory_.path() + "/" + name; }

  TemporaryDirectory directory_;
};

TEST_F(ChecksTest, TargetIsGivenWithoutSymlinks) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  EXPECT_EQ(ResolveTarget(In("link/tree"), {}).value_or(""), In("real/tree"));
}

TEST_F(ChecksTest, AnAddressSpaceInWhichMpiHangsIsRefused) {
  EXPECT_TRUE(CheckAddressSpace(UINT64_MAX));
  EXPECT_TRUE(CheckAddressSpace(uint64_t{128} << 20));
  const Status refused = CheckAddressSpace(100'000'000);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("may map 95 MiB"));
  EXPECT_THAT(refused.error().message, HasSubstr("ulimit -v"));
}

TEST_F(ChecksTest, TargetMustBeADirectory) {
  ASSERT_TRUE(WriteWholeFile(In("file"), ""));
  const Result<std::string> file = ResolveTarget(In("file"), {});
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ENOTDIR);
  const Result<std::string> missing = ResolveTarget(In("missing"), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message, HasSubstr(In("missing")));
}

TEST_F(ChecksTest, TargetIsNotOnAMountOfCopper) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  const std::vector<storage::Mount> copper = {{"/", "ext4"}, {In("real"), "fuse.copper"}};
  for (const char* const name : {"real", "real/tree", "link/tree", "real/tree/../tree"}) {
    const Result<std::string> nested = ResolveTarget(In(name), copper);
    ASSERT_FALSE(nested) << name;
    EXPECT_EQ(nested.error().code, EINVAL);
    EXPECT_NE(nested.error().message.find("the mount of another Copper job"), std::string::npos);
  }
  EXPECT_TRUE(ResolveTarget(directory_.path(), copper)) << "above it";
}

TEST_F(ChecksTest, WhatIsSharedIsThereAndGivenWithoutSymlinks) {
  ASSERT_TRUE(MakeDirectories(In("real/tree")));
  std::filesystem::create_symlink(In("real"), In("link"));
  EXPECT_THAT(ResolveShared({In("link/tree"), "/"}, {}).value_or(std::vector<std::string>()),
              testing::ElementsAre(In("real/tree"), "/"));
  const Result<std::vector<std::string>> missing = ResolveShared({"/", In("missing")}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_THAT(missing.error().message, HasSubstr("--shared-fs " + In("missing")));
  const std::vector<storage::Mount> copper = {{"/", "ext4"}, {In("real"), "fuse.copper"}};
  const Result<std::vector<std::string>> nested = ResolveShared({In("real")}, copper);
  ASSERT_FALSE(nested);
  EXPECT_THAT(nested.error().message, HasSubstr("--shared-fs " + In("real")));
}

TEST_F(ChecksTest, JobDirectoryMayBeAbsentOrOnesOwn) {
  EXPECT_TRUE(CheckJobDirectory(directory_.path()));
  EXPECT_TRUE(CheckJobDirectory(In("new/below/it")));
}

TEST_F(ChecksTest, JobDirectoryIsNoFile) {
  ASSERT_TRUE(WriteWholeFile(In("file"), ""));
  const Status checked = CheckJobDirectory(In("file"));
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ENOTDIR);
}

TEST_F(ChecksTest, JobDirectoryIsNobodyElses) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  ASSERT_TRUE(MakeDirectories(In("theirs")));
  ASSERT_EQ(chown(In("theirs").c_str(), 12345, 12345), 0);
  const Status checked = CheckJobDirectory(In("theirs"));
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("somebody else"));
}

TEST_F(ChecksTest, JobDirectoryIsNotReachedThroughSomebodyElsesSymlink) {
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

TEST_F(ChecksTest, OneJobAtATime) {
  const JobDirectory job(In("job"));
  Result<UniqueFd> first = LockJobDirectory(job);
  ASSERT_TRUE(first);
  const Result<UniqueFd> second = LockJobDirectory(job);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  first->Reset();
  EXPECT_TRUE(LockJobDirectory(job));
}

TEST_F(ChecksTest, WhoOnlyLooksWhetherAJobRunsKeepsNoneFromStarting) {
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

TEST_F(ChecksTest, AFailedStartLeavesItsReasonButNotInARunningJob) {
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

class JobClaimTest : public ChecksTest {
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
}  // namespace copper::app
