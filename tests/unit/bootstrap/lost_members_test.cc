#include "copper/bootstrap/lost_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "copper/jobdir/job_record.h"
#include "fakes/temporary_directory.h"

namespace copper::bootstrap {
namespace {

using testing::HasSubstr;

// Of three ranks: 0 looks, 1 is on the same host, 2 on another one.
class LeftMountsTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(job_.Prepare()); }
  Member MemberOn(const std::string& host, const std::string& boot_id, int pid) const {
    return {.host = host,
            .pid = pid,
            .boot_id = boot_id,
            .mount_point = directory_.At("mnt"),
            .mount_digest = {},
            .network = {}};
  }
  LeftMounts Look(const std::set<Rank>& lost) const {
    return LookForMounts(lost, members_, members_[0], job_, SteadyClock(), Duration(0));
  }

  fakes::TemporaryDirectory directory_;
  JobDirectory job_{directory_.At("job")};
  std::vector<Member> members_{MemberOn("here", "boot 1", 10), MemberOn("here", "boot 1", 11),
                               MemberOn("there", "boot 2", 12)};
};

TEST_F(LeftMountsTest, WhatIsNotInTheMountTableOfThisHostIsGone) {
  EXPECT_EQ(Describe(Look({1}), members_), "");
}

TEST_F(LeftMountsTest, OfAnotherHostNobodyKnowsUntilItsMounterHasSaidSo) {
  EXPECT_EQ(Look({1, 2}).unknown, (std::set<Rank>{2}));
  const std::string said = Describe(Look({2}), members_);
  EXPECT_THAT(said, HasSubstr("may still be mounted"));
  EXPECT_THAT(said, HasSubstr(directory_.At("mnt") + " on there (rank 2): kill -CONT 12, or fusermount3 -uz"));
  JobRecord record(job_, "there", 2);
  record.SetOurs("job 1");
  record.Unmounted(11);
  EXPECT_EQ(Look({2}).unknown, (std::set<Rank>{2})) << "of another process";
  record.Unmounted(12);
  EXPECT_EQ(Describe(Look({2}), members_), "");
}

TEST_F(LeftMountsTest, TheNextJobInThisDirectoryDoesNotTakeTheWordOfTheLast) {
  JobRecord record(job_, "there", 2);
  record.SetOurs("job 1");
  record.Unmounted(12);
  ASSERT_TRUE(job_.Prepare());
  EXPECT_EQ(Look({2}).unknown, (std::set<Rank>{2}));
}

TEST_F(LeftMountsTest, HostsOfOneNameAreToldApartAndOnlySoManyNamed) {
  members_[1].boot_id = "boot 3";
  EXPECT_EQ(Look({1}).unknown, (std::set<Rank>{1}));
  std::set<Rank> all;
  for (Rank rank = 0; rank < 20; ++rank) all.insert(rank);
  members_.resize(20, members_[2]);
  const std::string said = Describe(LeftMounts{.dead = {}, .frozen = all, .unknown = {}}, members_);
  EXPECT_THAT(said, HasSubstr("(rank 7)"));
  EXPECT_THAT(said, HasSubstr(" and 12 more"));
  EXPECT_THAT(said, testing::Not(HasSubstr("(rank 8)")));
}

TEST(NameLost, SaysWhoTheyWereAndOfManyHowMany) {
  Member member;
  member.host = "node";
  member.pid = 5;
  const std::vector<Member> members(20, member);
  EXPECT_EQ(NameLost({}, members), "");
  EXPECT_EQ(NameLost({2, 7}, members), ", without rank 2 (node, process 5), rank 7 (node, process 5)");
  std::set<Rank> all;
  for (Rank rank = 0; rank < 20; ++rank) all.insert(rank);
  EXPECT_THAT(NameLost(all, members), testing::EndsWith("rank 7 (node, process 5) and 12 more"));
}

}  // namespace
}  // namespace copper::bootstrap
