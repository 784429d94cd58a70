#include "copper/job/refresher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <map>

#include "fakes/fake_clock.h"
#include "fakes/temporary_directory.h"
#include "queue.h"

namespace copper::job {
namespace {

using testing::HasSubstr;

TEST(PathInSource, AsUsersWriteThem) {
  const std::vector<std::string> mounts = {"/tmp/mnt/0", "/tmp/mnt/1"};
  const auto path = [&](const std::string& given) { return PathInSource(given, "/soft", mounts).value_or("error"); };
  for (const char* all : {"", "/", ".", "/tmp/mnt/0", "/tmp/mnt/1/", "/soft", "/soft/."}) EXPECT_EQ(path(all), "/");
  for (const char* pkg : {"pkg", "/pkg", "pkg/", "/soft/pkg", "/tmp/mnt/1/pkg", "//pkg/../pkg", "/tmp/mnt/0//pkg/."}) {
    EXPECT_EQ(path(pkg), "/pkg") << pkg;
  }
  EXPECT_EQ(path("soft/x"), "/soft/x") << "relative to the target";
  EXPECT_EQ(path("/software"), "/software") << "not below /soft";
  EXPECT_EQ(path("/tmp/mnt/10/x"), "/tmp/mnt/10/x");
  EXPECT_EQ(PathInSource("/tmp/mnt/0/a", "/", mounts).value_or("error"), "/a");
}

TEST(PathInSource, WhatIsNone) {
  EXPECT_EQ(PathInSource("..", "/", {}).error().code, EINVAL);
  EXPECT_EQ(PathInSource("/a/../../b", "/", {}).error().code, EINVAL);
  EXPECT_EQ(PathInSource(std::string("a\0b", 3), "/", {}).error().code, EINVAL);
  EXPECT_EQ(PathInSource(std::string(5000, 'x'), "/", {}).error().code, ENAMETOOLONG);
}

TEST(NoteOnName, TellsWhatIsNotThereAndWhatHasAnotherName) {
  const fakes::TemporaryDirectory directory;
  const std::string& target = directory.path();
  std::filesystem::create_directories(directory.At("real/below"));
  std::filesystem::create_directory_symlink("real", directory.At("link"));
  std::filesystem::create_directory_symlink("/", directory.At("out"));
  std::filesystem::create_directory_symlink(".", directory.At("top"));
  std::filesystem::create_directory_symlink("nowhere", directory.At("dangling"));
  for (const char* there : {"/", "/real", "/real/below", "/out", "/out/etc", "/dangling"})
    EXPECT_EQ(NoteOnName(there, target), "") << there;
  for (const char* absent : {"/nonsense", "/nonsense/below", "/real/nonsense", "/link/nonsense"}) {
    EXPECT_EQ(NoteOnName(absent, target), "; there is no such name in the source now (" + target + absent + ")");
  }
  EXPECT_THAT(NoteOnName("/link/below", target), testing::EndsWith("is refreshed as /real/below"));
  EXPECT_THAT(NoteOnName("/link", target), testing::EndsWith("is refreshed as /real"));
  EXPECT_THAT(NoteOnName("/top", target), testing::EndsWith("is refreshed as /"));
  EXPECT_EQ(NoteOnName("/", "/"), "");
  EXPECT_EQ(NoteOnName(target + "/real", "/"), "");
  EXPECT_THAT(NoteOnName(target + "/link", "/"), testing::EndsWith("is refreshed as " + target + "/real"));
}

// Refreshers of all ranks; a call to a lost one fails at once. Records what each rank did, and in which order.
class Network {
 public:
  explicit Network(uint32_t ranks) : forest_(ranks, 2, 1) {
    for (Rank rank = 0; rank < ranks; ++rank) nodes_.push_back(std::make_unique<Node>(*this, rank));
  }

  Result<std::string> Refresh(Rank leader, const std::string& path) {
    Result<std::string> outcome = Fail(ETIME, "no outcome");
    nodes_[leader]->refresher.Refresh(path, [&](Result<std::string> result) { outcome = std::move(result); });
    for (bool ran = true; ran;) {
      ran = false;
      for (const auto& node : nodes_) ran = node->loop.RunOne() || ran;
    }
    return outcome;
  }
  uint32_t ranks() const { return static_cast<uint32_t>(nodes_.size()); }

  std::set<Rank> lost_;
  std::set<Rank> lost_in_the_second_pass_;
  std::set<Rank> dumb_;    // their kernel is never told
  std::set<Rank> partly_;  // their kernel can't be told all
  std::vector<Rank> begun_, ended_;
  std::string path_;

 private:
  struct Node final : rpc::Channel {
    Node(Network& all, Rank rank)
        : network(all),
          refresher(rank, {*this, all.forest_, loop, loop, loop, all.wakeups_, all.clock_, all.log_},
                    {.begin = [&all, rank](const fetch::RefreshId&, const std::string& path,
                                           TimePoint) { all.OnBegin(rank, path); },
                     .end = [&all, rank](const fetch::RefreshId&, const std::string&,
                                         fetch::Told told) { all.OnEnd(rank, std::move(told)); }},
                    {.target = "/no/source", .mounts = {"/no/mount"}}) {}
    void Call(Rank to, rpc::Request request, TimePoint, Done done) override {
      const bool second = request.argument % 2 != 0;
      if (network.lost_.contains(to) || (second && network.lost_in_the_second_pass_.contains(to))) {
        return done(Fail(ETIMEDOUT));
      }
      // A rank that never answers has its time over when nothing else happens any more.
      if (second && network.dumb_.contains(to)) {
        network.nodes_[to]->refresher.Handle(request, rpc::Responder([](const rpc::Reply&) {}));
        return done(Fail(ETIMEDOUT));
      }
      auto shared = std::make_shared<Done>(std::move(done));
      network.nodes_[to]->refresher.Handle(request,
                                           rpc::Responder([shared](rpc::Reply reply) { (*shared)(std::move(reply)); }));
    }
    void GiveUp(Rank) override {}
    void WantTicks() override {}

    Network& network;
    Queue loop;
    Refresher refresher;
  };

  void OnBegin(Rank rank, const std::string& path) {
    EXPECT_TRUE(ended_.empty()) << "rank " << rank << " begins when others have ended";
    begun_.push_back(rank);
    path_ = path;
  }
  void OnEnd(Rank rank, fetch::Told told) {
    ended_.push_back(rank);
    if (!dumb_.contains(rank)) told(!partly_.contains(rank));
  }

  tree::Forest forest_;
  fakes::FakeClock clock_;
  ThreadWakeups wakeups_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  std::vector<std::unique_ptr<Node>> nodes_;
};

class RefresherTest : public testing::TestWithParam<uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Ranks, RefresherTest, testing::Values(1, 2, 7, 20), testing::PrintToStringParamName());

TEST_P(RefresherTest, AnyRankLeadsAndEveryRankDoesBothPassesOnce) {
  for (const Rank leader : {Rank{0}, GetParam() / 2, GetParam() - 1}) {
    Network network(GetParam());
    const auto outcome = network.Refresh(leader, "/pkg");
    ASSERT_TRUE(outcome) << outcome.error().Describe();
    EXPECT_THAT(*outcome, HasSubstr("refreshed /pkg on " + std::to_string(GetParam()) + " rank"));
    EXPECT_EQ(network.begun_.size(), GetParam());
    EXPECT_EQ(network.ended_.size(), GetParam());
    EXPECT_EQ(std::set(network.begun_.begin(), network.begun_.end()).size(), GetParam());
    EXPECT_EQ(network.path_, "/pkg");
  }
}

TEST(Refresher, TakesAPathAsUsersWriteItAndNotesWhatTheyShouldKnowOfIt) {
  Network network(3);
  const auto outcome = network.Refresh(1, "/no/mount/pkg");
  ASSERT_TRUE(outcome) << outcome.error().Describe();
  EXPECT_EQ(network.path_, "/pkg");
  EXPECT_EQ(*outcome, "refreshed /pkg on 3 ranks; there is no such name in the source now (/no/source/pkg)");
  EXPECT_EQ(network.Refresh(1, "..").error().code, EINVAL);
  EXPECT_EQ(network.begun_.size(), 3U) << "no second refresh";
}

TEST(Refresher, LostRanksAreNamedAndThoseBelowThemReached) {
  Network network(20);
  network.lost_ = {1, 4};
  const auto outcome = network.Refresh(0, "/");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("refreshed / on 18 of 20 ranks"));
  EXPECT_THAT(outcome.error().message, HasSubstr("rank 1, 4"));
  for (const auto& done : {network.begun_, network.ended_}) {
    std::set<Rank> ranks(done.begin(), done.end());
    EXPECT_EQ(ranks.size(), 18U);
    EXPECT_FALSE(ranks.contains(1) || ranks.contains(4));
  }
}

TEST(Refresher, WhereNotAllCouldBeToldIsSaidAndIsNoSilence) {
  for (const Rank lost : {Rank{0}, Rank{3}}) {  // 0 leads: nobody is
    Network network(20);
    network.partly_ = {0, 5, 19};
    if (lost != 0) network.lost_ = {lost};
    const auto outcome = network.Refresh(0, "/");
    ASSERT_FALSE(outcome);
    EXPECT_THAT(outcome.error().message, HasSubstr("on rank 0, 5, 19 not yet in directories where somebody waits"));
    EXPECT_EQ(outcome.error().message.contains("no answer from rank 3"), lost == 3) << outcome.error().message;
    EXPECT_EQ(outcome.error().message.contains("no answer"), lost == 3) << outcome.error().message;
  }
}

TEST(Refresher, ThoseBelowALostRankAreReachedInBothPassesWhereverItStands) {
  for (Rank lost = 1; lost < 20; ++lost) {
    Network network(20);
    network.lost_ = {lost};
    ASSERT_FALSE(network.Refresh(0, "/"));
    EXPECT_EQ(std::set(network.begun_.begin(), network.begun_.end()).size(), 19U) << lost;
    EXPECT_EQ(std::set(network.ended_.begin(), network.ended_.end()).size(), 19U) << lost;
  }
}

TEST(Refresher, ARankLostBetweenThePasses) {
  Network network(20);
  network.lost_in_the_second_pass_ = {2};
  const auto outcome = network.Refresh(0, "/");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("on 19 of 20 ranks"));
  EXPECT_EQ(std::set(network.ended_.begin(), network.ended_.end()).size(), 19U);
}

TEST(Refresher, ARankWhoseKernelIsNotToldIsNotReached) {
  Network network(7);
  network.dumb_ = {5};
  const auto outcome = network.Refresh(0, "/");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("rank 5"));
}

TEST(Refresher, NobodyLeadsForAnother) {
  fakes::FakeClock clock;
  const tree::Forest forest(3, 2, 1);
  Queue loop;
  struct NoChannel final : rpc::Channel {
    void Call(Rank, rpc::Request, TimePoint, Done) override {}
    void GiveUp(Rank) override {}
    void WantTicks() override {}
  } channel;
  ThreadWakeups wakeups;
  Logger log(LogLevel::kNone, LogType::kStdout, "");
  Refresher refresher(1, {channel, forest, loop, loop, loop, wakeups, clock, log}, {}, {});
  for (const uint32_t leader : {1U, 3U, UINT32_MAX}) {
    int error = 0;
    rpc::Request request;
    request.kind = rpc::Kind::kRefresh;
    request.argument2 = leader;
    refresher.Handle(request, rpc::Responder([&](const rpc::Reply& reply) { error = reply.error; }));
    EXPECT_EQ(error, EINVAL) << leader;
  }
}

}  // namespace
}  // namespace copper::job
