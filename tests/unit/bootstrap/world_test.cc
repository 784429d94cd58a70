// What ranks tell each other at the start, without MPI: each rank is a thread.
#include "copper/bootstrap/world.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "copper/base/files.h"
#include "copper/bootstrap/address_book.h"
#include "copper/bootstrap/members.h"
#include "copper/jobdir/json.h"
#include "in_threads.h"

namespace copper::bootstrap {
namespace {

TEST(World, AllGatherBringsStringsOfAnyLength) {
  InThreads(3, [](World& world) {
    const std::string mine(world.rank() * 1'000, static_cast<char>('a' + world.rank()));
    EXPECT_EQ(world.AllGather(mine), (std::vector<std::string>{"", std::string(1'000, 'b'), std::string(2'000, 'c')}));
  });
}

TEST(World, AgreesOnSuccess) {
  InThreads(5, [](World& world) { EXPECT_TRUE(world.Agree({}, "host")); });
}

TEST(World, AgreesOnTheFirstFailure) {
  InThreads(5, [](World& world) {
    const Status mine = world.rank() < 2 ? Status() : Fail(ENOENT, "no " + std::to_string(world.rank()));
    const Status agreed = world.Agree(mine, "node" + std::to_string(world.rank()));
    ASSERT_FALSE(agreed);
    EXPECT_EQ(agreed.error().code, ENOENT);
    EXPECT_EQ(agreed.error().message, "no 2 (rank 2 on host node2)");
  });
}

TEST(World, TheBarrierComesBackWithoutTheMissing) {
  InThreads(3, [](World& world) {
    if (world.rank() == 2) return;
    const TimePoint soon = SteadyClock().Now() + std::chrono::milliseconds(20);
    EXPECT_EQ(world.Barrier(soon).error().code, ETIMEDOUT);
    EXPECT_EQ(world.Barrier(kNever).error().code, ESHUTDOWN);
  });
}

// A directory of all ranks' own.
JobDirectory MakeJobDirectory(World& world) {
  std::string directory = "/tmp/copper_books_XXXXXX";
  const bool first = world.rank() == 0;
  EXPECT_TRUE(!first || mkdtemp(directory.data()) != nullptr);
  JobDirectory job(world.Broadcast(0, directory));
  EXPECT_TRUE(!first || job.Prepare());
  return job;
}

TEST(Exchange, AllHaveOneIdentity) {
  InThreads(3, [](World& world) {
    const Result<JobIdentity> identity = ShareIdentity(world);
    ASSERT_TRUE(identity);
    EXPECT_NE(identity->id, JobId{});
    EXPECT_NE(identity->key, JobKey{});
    for (const std::string& other : world.AllGather(ToHex(identity->id))) EXPECT_EQ(other, ToHex(identity->id));
  });
}

TEST(Exchange, MembersAndAddressesComeInOrder) {
  InThreads(3, [](World& world) {
    const std::string me = std::to_string(world.rank());
    const Result<std::vector<Member>> members = ExchangeMembers(world, {"n" + me, getpid(), "boot", "/m" + me, "", ""});
    ASSERT_TRUE(members);
    EXPECT_EQ((*members)[2].host, "n2");
    const fabric::Address address(world.rank() + 1, std::byte{7});
    const Result<std::vector<MemberAddress>> peers = ExchangeAddresses(world, {address, "10.0.0." + me});
    ASSERT_TRUE(peers);
    EXPECT_EQ((*peers)[1].text, "10.0.0.1");
    EXPECT_EQ((*peers)[2].address, fabric::Address(3, std::byte{7}));
  });
}

TEST(Exchange, ReadyTellsOfEveryRank) {
  InThreads(3, [](World& world) {
    std::string directory = "/tmp/copper_ready_XXXXXX";
    const bool first = world.rank() == 0;
    ASSERT_TRUE(!first || mkdtemp(directory.data()) != nullptr);
    const JobDirectory job(world.Broadcast(0, directory));
    ASSERT_TRUE(!first || job.Prepare());
    const std::vector<Member> members(3, {"n\xff", 5, "boot", "/m", "", ""});
    const std::vector<MemberAddress> peers(3, {{}, "10.0.0.1:5"});
    const int64_t time = 10 * (world.rank() + 1);
    const std::vector<StartTimings> timings = GatherTimings(world, {time, time, time, time});
    if (!first) return;
    ASSERT_TRUE(WriteReadyFile(job, members, peers, JobId{}, timings));
    const Result<Json> ready = ParseJson(ReadWholeFile(job.ready_file()).value_or(""));
    ASSERT_TRUE(ready);
    EXPECT_EQ((*ready)["ranks"], 3);
    EXPECT_EQ((*ready)["addresses"].size(), 3U);
    EXPECT_EQ((*ready)["timings_us"]["serving"], (Json{{"min", 10}, {"median", 20}, {"max", 30}}));
    EXPECT_EQ(std::system(("rm -r " + job.root()).c_str()), 0);
  });
}

TEST(Exchange, RankZeroReadsTheFacilityBookForAll) {
  InThreads(3, [](World& world) {
    const JobDirectory job = MakeJobDirectory(world);
    const std::string me = std::to_string(world.rank());
    const bool first = world.rank() == 0;
    // Only rank 0 has it.
    const std::string file = first ? job.root() + "/site" : "/nowhere/site";
    const std::string lines = "# a site\nn2 10.0.0.2\nn0.site 10.0.0.0\nother x y\nn1 10.0.0.1\n";
    ASSERT_TRUE(!first || WriteWholeFile(file, lines));
    const std::vector<Member> members = {
        {"n0", 1, "a", "/m", "", ""}, {"n1", 1, "b", "/m", "", ""}, {"n2", 1, "c", "/m", "", ""}};
    const Result<AddressBook> book = AddressBook::Agree(
        world, members, {"tcp", file}, {{"net", "eth0", "10.0.0." + me}, {"net", "e" + me, "::" + me}});
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
  });
}

TEST(Exchange, RankZeroSaysWhyABookIsOfNoUse) {
  InThreads(3, [](World& world) {
    const std::vector<Member> members(3, {"n", 1, "a", "/m", "", ""});
    const Result<AddressBook> book = AddressBook::Agree(world, members, {"auto", "/nowhere/site"}, {});
    ASSERT_EQ(book.has_value(), world.rank() != 0);
    if (book) return;
    EXPECT_NE(book.error().message.find("/nowhere/site"), std::string::npos);
  });
}

TEST(Exchange, DiscoveredBooksAreWritten) {
  InThreads(3, [](World& world) {
    const JobDirectory job = MakeJobDirectory(world);
    const std::vector<Member> members(3, {"n\xff", 5, "boot", "/m", "", ""});
    const Result<AddressBook> book = AddressBook::Agree(world, members, {"auto", ""}, {{"cxi", "cxi0", "0x0001"}});
    ASSERT_TRUE(book) << book.error().message;
    EXPECT_EQ(book->bind_address(), "");
    if (world.rank() != 0) return;
    ASSERT_TRUE(book->Write(job, members, std::vector<MemberAddress>(3, {{}, "10.0.0.1:5"})));
    EXPECT_EQ(ReadWholeFile(job.address_book()).value_or(""), "n\xff 10.0.0.1:5\nn\xff 10.0.0.1:5\nn\xff 10.0.0.1:5\n");
    EXPECT_EQ(ReadWholeFile(job.full_address_book()).value_or(""),
              "hostname | cxi0\nn\xff | 0x0001\n# discover, net type auto\n");
    EXPECT_EQ(ReadWholeFile(job.node_file()).value_or(""), "n\xff\nn\xff\nn\xff\n");
    EXPECT_EQ(std::system(("rm -r " + job.root()).c_str()), 0);
  });
}

TEST(Exchange, WithoutRandomBytesThereIsNoIdentity) {
  InThreads(3, [](World& world) {
    const Result<JobIdentity> identity = ShareIdentity(world, [] { return Result<JobIdentity>(Fail(EIO)); });
    ASSERT_FALSE(identity);
    EXPECT_EQ(identity.error().code, EIO);
  });
}

}  // namespace
}  // namespace copper::bootstrap
