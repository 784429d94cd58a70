#include "copper/bootstrap/world.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "copper/base/files.h"
#include "copper/bootstrap/address_book.h"
#include "copper/bootstrap/members.h"
#include "copper/jobdir/json.h"
#include "in_ranks.h"

namespace copper::bootstrap {
namespace {

TEST_F(InsideMpi, HasThreeRanks) {
  EXPECT_EQ(world_->size(), 3U);
  EXPECT_LT(world_->rank(), 3U);
}

TEST_F(InsideMpi, AllGatherBringsStringsOfAnyLength) {
  const std::string mine(world_->rank() * 100'000, static_cast<char>('a' + world_->rank()));
  const std::vector<std::string> all = world_->AllGather(mine);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], "");
  EXPECT_EQ(all[1], std::string(100'000, 'b'));
  EXPECT_EQ(all[2], std::string(200'000, 'c'));
}

TEST_F(InsideMpi, AllGatherOfNothing) {
  EXPECT_EQ(world_->AllGather(""), std::vector<std::string>(3));
}

TEST_F(InsideMpi, BroadcastGivesAllWhatRankZeroHas) {
  EXPECT_EQ(world_->Broadcast("from " + std::to_string(world_->rank())), "from 0");
}

TEST_F(InsideMpi, AgreeOnSuccess) {
  EXPECT_TRUE(world_->Agree({}, "host"));
}

TEST_F(InsideMpi, AgreeOnTheFirstFailure) {
  const Status mine = world_->rank() == 0 ? Status() : Fail(ENOENT, "no " + std::to_string(world_->rank()));
  const Status agreed = world_->Agree(mine, "node" + std::to_string(world_->rank()));
  ASSERT_FALSE(agreed);
  EXPECT_EQ(agreed.error().code, ENOENT);
  EXPECT_EQ(agreed.error().message, "no 1 (rank 1 on host node1)");
}

TEST_F(InsideMpi, AllHaveOneIdentity) {
  const Result<JobIdentity> identity = ShareIdentity(*world_);
  ASSERT_TRUE(identity);
  EXPECT_NE(identity->id, JobId{});
  EXPECT_NE(identity->key, JobKey{});
  for (const std::string& other : world_->AllGather(ToHex(identity->id))) EXPECT_EQ(other, ToHex(identity->id));
}

TEST_F(InsideMpi, MembersAndAddressesComeInOrder) {
  const std::string me = std::to_string(world_->rank());
  const Result<std::vector<Member>> members = ExchangeMembers(*world_, {"n" + me, getpid(), "boot", "/m" + me, "", ""});
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[2].host, "n2");
  const fabric::Address address(world_->rank() + 1, std::byte{7});
  const Result<std::vector<MemberAddress>> peers = ExchangeAddresses(*world_, {address, "10.0.0." + me});
  ASSERT_TRUE(peers);
  EXPECT_EQ((*peers)[1].text, "10.0.0.1");
  EXPECT_EQ((*peers)[2].address, fabric::Address(3, std::byte{7}));
}

TEST_F(InsideMpi, ReadyTellsOfEveryRank) {
  std::string directory = "/tmp/copper_ready_XXXXXX";
  const bool first = world_->rank() == 0;
  ASSERT_TRUE(!first || mkdtemp(directory.data()) != nullptr);
  const JobDirectory job(world_->Broadcast(directory));
  ASSERT_TRUE(!first || job.Prepare());
  const std::vector<Member> members(3, {"n\xff", 5, "boot", "/m", "", ""});
  const std::vector<MemberAddress> peers(3, {{}, "10.0.0.1:5"});
  const int64_t time = 10 * (world_->rank() + 1);
  const std::vector<StartTimings> timings = GatherTimings(*world_, {time, time, time, time});
  if (!first) return;
  ASSERT_TRUE(WriteReadyFile(job, members, peers, JobId{}, timings));
  const Result<Json> ready = ParseJson(ReadWholeFile(job.ready_file()).value_or(""));
  ASSERT_TRUE(ready);
  EXPECT_EQ((*ready)["ranks"], 3);
  EXPECT_EQ((*ready)["addresses"].size(), 3U);
  EXPECT_EQ((*ready)["timings_us"]["serving"], (Json{{"min", 10}, {"median", 20}, {"max", 30}}));
  EXPECT_EQ(std::system(("rm -r " + job.root()).c_str()), 0);
}

// A directory of all ranks' own.
JobDirectory MakeJobDirectory(World& world) {
  std::string directory = "/tmp/copper_books_XXXXXX";
  const bool first = world.rank() == 0;
  EXPECT_TRUE(!first || mkdtemp(directory.data()) != nullptr);
  JobDirectory job(world.Broadcast(directory));
  EXPECT_TRUE(!first || job.Prepare());
  return job;
}

TEST_F(InsideMpi, RankZeroReadsTheFacilityBookForAll) {
  const JobDirectory job = MakeJobDirectory(*world_);
  const std::string me = std::to_string(world_->rank());
  const bool first = world_->rank() == 0;
  // Only rank 0 has it.
  const std::string file = first ? job.root() + "/site" : "/nowhere/site";
  const std::string lines = "# a site\nn2 10.0.0.2\nn0.site 10.0.0.0\nother x y\nn1 10.0.0.1\n";
  ASSERT_TRUE(!first || WriteWholeFile(file, lines));
  const std::vector<Member> members = {
      {"n0", 1, "a", "/m", "", ""}, {"n1", 1, "b", "/m", "", ""}, {"n2", 1, "c", "/m", "", ""}};
  const Result<AddressBook> book = AddressBook::Agree(*world_, members, {"tcp", file},
                                                      {{"net", "eth0", "10.0.0." + me}, {"net", "e" + me, "::" + me}});
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->bind_address(), "10.0.0." + me);
  if (!first) return;
  const std::vector<MemberAddress> peers = {{{}, "10.0.0.0:5"}, {{}, "10.0.0.1:5"}, {{}, "10.0.0.2:5"}};
  ASSERT_TRUE(book->Write(job, members, peers));
  EXPECT_EQ(ReadWholeFile(job.address_book()).value_or(""),
            "# facility: " + file + "\nn0 10.0.0.0:5\nn1 10.0.0.1:5\nn2 10.0.0.2:5\n");
  EXPECT_EQ(ReadWholeFile(job.full_address_book()).value_or(""),
            "hostname | eth0 | e0 | e1 | e2 | facility\n"
            "n0 | 10.0.0.0 | ::0 | - | - | 10.0.0.0\n"
            "n1 | 10.0.0.1 | - | ::1 | - | 10.0.0.1\n"
            "n2 | 10.0.0.2 | - | - | ::2 | 10.0.0.2\n"
            "# facility: " +
                file + "\n");
  EXPECT_EQ(std::system(("rm -r " + job.root()).c_str()), 0);
}

TEST_F(InsideMpi, RankZeroSaysWhyABookIsOfNoUse) {
  const std::vector<Member> members(3, {"n", 1, "a", "/m", "", ""});
  const Result<AddressBook> book = AddressBook::Agree(*world_, members, {"auto", "/nowhere/site"}, {});
  ASSERT_EQ(book.has_value(), world_->rank() != 0);
  if (book) return;
  EXPECT_NE(book.error().message.find("/nowhere/site"), std::string::npos);
}

TEST_F(InsideMpi, DiscoveredBooksAreWritten) {
  const JobDirectory job = MakeJobDirectory(*world_);
  const std::vector<Member> members(3, {"n\xff", 5, "boot", "/m", "", ""});
  const Result<AddressBook> book = AddressBook::Agree(*world_, members, {"auto", ""}, {{"cxi", "cxi0", "0x0001"}});
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ(book->bind_address(), "");
  if (world_->rank() != 0) return;
  ASSERT_TRUE(book->Write(job, members, std::vector<MemberAddress>(3, {{}, "10.0.0.1:5"})));
  EXPECT_EQ(ReadWholeFile(job.address_book()).value_or(""), "n\xff 10.0.0.1:5\nn\xff 10.0.0.1:5\nn\xff 10.0.0.1:5\n");
  EXPECT_EQ(ReadWholeFile(job.full_address_book()).value_or(""),
            "hostname | cxi0\nn\xff | 0x0001\n# discover, net type auto\n");
  EXPECT_EQ(ReadWholeFile(job.node_file()).value_or(""), "n\xff\nn\xff\nn\xff\n");
  EXPECT_EQ(std::system(("rm -r " + job.root()).c_str()), 0);
}

// Whoever does not come is not waited for. A suite of its own, since MPI can't be left in good order after it.
class InsideLostMpi : public InsideMpi {};

TEST_F(InsideLostMpi, BarrierComesBackWithoutTheMissing) {
  std::signal(SIGUSR1, SIG_IGN);  // how the launcher tells of a rank that did not finalize
  EXPECT_TRUE(world_->Barrier(std::chrono::seconds(20)));
  const std::string marker = world_->Broadcast("/tmp/copper_barrier_" + std::to_string(getpid()));
  if (world_->rank() == 2) {
    while (access(marker.c_str(), F_OK) != 0) usleep(1000);  // ends when rank 0 has given up
    EXPECT_EQ(rmdir(marker.c_str()), 0);
    return world_->Abandon();
  }
  const Status barrier = world_->Barrier(std::chrono::milliseconds(100));
  ASSERT_FALSE(barrier);
  EXPECT_EQ(barrier.error().code, ETIMEDOUT);
  const Status again = world_->Barrier(std::chrono::seconds(20));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ESHUTDOWN);
  EXPECT_TRUE(world_->rank() != 0 || mkdir(marker.c_str(), 0700) == 0);
}

TEST(ThreeRanks, ShareAWorld) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(3, RunInRanks(3, "InsideMpi"));
}

TEST(ThreeRanks, DoNotWaitForALostOne) {
  if (IsInside()) GTEST_SKIP() << "already inside";
  ExpectPasses(3, RunInRanks(3, "InsideLostMpi", "-disable-auto-cleanup"));
}

}  // namespace
}  // namespace copper::bootstrap
