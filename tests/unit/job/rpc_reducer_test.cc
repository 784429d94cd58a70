#include "copper/job/rpc_reducer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "fakes/fake_clock.h"
#include "fakes/random_profile.h"

namespace copper::job {
namespace {

using fakes::RandomProfile;
using fakes::TablesOf;
using profile::Profile;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kPaths = 20'000;

// Ranks that reduce with each other: messages arrive at once, in the thread that sends them; lost ranks answer nothing.
class Ranks {
 public:
  explicit Ranks(uint32_t ranks) : forest_(ranks, 2, 1) {
    for (Rank rank = 0; rank < ranks; ++rank) nodes_.push_back(std::make_unique<Node>(*this, rank));
  }
  ~Ranks() {
    for (auto& node : nodes_) node->workers.Stop();
  }

  Profile OwnOf(Rank rank, const std::string& tag) const {
    Profile own = RandomProfile(rank, {.rank = rank, .ranks = forest_.ranks(), .paths = kPaths, .top_n = 3});
    own.tag = tag;
    return own;
  }
  Profile Expected(const std::set<Rank>& without, const std::string& tag = "final") const {
    std::optional<Profile> all;
    for (Rank rank = 0; rank < forest_.ranks(); ++rank) {
      if (without.contains(rank)) continue;
      if (all) {
        Merge(*all, OwnOf(rank, tag));
      } else {
        all = OwnOf(rank, tag);
      }
    }
    return *std::move(all);
  }
  Profile ReducedBy(Rank leader, const std::string& tag = "final") {
    std::optional<Profile> profile = OwnOf(leader, tag);
    EXPECT_TRUE(nodes_[leader]->reducer.Reduce(profile, Deadline()));
    return *std::move(profile);
  }
  RpcReducer& operator[](Rank rank) { return nodes_[rank]->reducer; }

  void Lose(Rank rank) { nodes_[rank]->lost = true; }
  // What ranks have counted is not told meanwhile.
  void HoldOwn(bool hold) {
    held_ = hold;
    held_.notify_all();
  }
  // Answers so many pieces, and then nothing.
  void LoseAfter(Rank rank, int answers) { nodes_[rank]->answers_left = answers; }
  static TimePoint Deadline() { return SteadyClock().Now() + std::chrono::seconds(20); }

 private:
  class DirectChannel final : public rpc::Channel {
   public:
    DirectChannel(Ranks& ranks, Rank self) : ranks_(ranks), self_(self) {}
    void Call(Rank to, rpc::Request request, TimePoint, Done done) override {
      Node& node = *ranks_.nodes_[to];
      const bool piece = request.kind == rpc::Kind::kReduce;
      if (piece && !node.lost && node.answers_left-- == 0) node.lost = true;
      if (node.lost) return done(Fail(ETIMEDOUT));
      if (request.kind == rpc::Kind::kPing) return done(rpc::Reply{});
      auto shared = std::make_shared<Done>(std::move(done));
      node.reducer.Handle(self_, request, rpc::Responder([shared](rpc::Reply reply) { (*shared)(std::move(reply)); }));
    }
    void GiveUp(Rank) override {}
    void WantTicks() override {}

   private:
    Ranks& ranks_;
    const Rank self_;
  };

  struct Node {
    Node(Ranks& ranks, Rank rank)
        : channel(ranks, rank),
          reducer(rank, {channel, ranks.forest_, losses, workers, ranks.wakeups_, ranks.clock_, ranks.log_},
                  [&ranks, rank](const std::string& tag) {
                    ranks.held_.wait(true);
                    return ranks.OwnOf(rank, tag);
                  }) {}
    DirectChannel channel;
    Losses losses;
    WorkerPool workers{"test-reduce", 2};
    std::atomic<bool> lost{false};
    std::atomic<int> answers_left{1 << 30};
    RpcReducer reducer;
  };

  tree::Forest forest_;
  std::atomic<bool> held_{false};
  ThreadWakeups wakeups_;
  SteadyClock clock_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  std::vector<std::unique_ptr<Node>> nodes_;
};

TEST(RpcReducer, OneRankAlone) {
  Ranks ranks(1);
  EXPECT_EQ(TablesOf(ranks.ReducedBy(0)), TablesOf(ranks.Expected({})));
}

TEST(RpcReducer, EveryRankIsCountedOnce) {
  Ranks ranks(8);
  EXPECT_EQ(TablesOf(ranks.ReducedBy(0)), TablesOf(ranks.Expected({})));
}

TEST(RpcReducer, AnyRankMayLead) {
  Ranks ranks(5);
  const Profile reduced = ranks.ReducedBy(3, "noon");
  EXPECT_EQ(TablesOf(reduced).paths, TablesOf(ranks.Expected({}, "noon")).paths);
  EXPECT_THAT(reduced.Missing(), IsEmpty());
  EXPECT_EQ(reduced.tag, "noon");
}

TEST(RpcReducer, AgainAndAgain) {
  Ranks ranks(4);
  EXPECT_EQ(TablesOf(ranks.ReducedBy(0)), TablesOf(ranks.Expected({})));
  EXPECT_EQ(TablesOf(ranks.ReducedBy(0)), TablesOf(ranks.Expected({})));
}

TEST(RpcReducer, AroundALostInnerRank) {
  Ranks ranks(7);
  ranks.Lose(1);
  const Profile reduced = ranks.ReducedBy(0);
  EXPECT_THAT(reduced.Missing(), ElementsAre(1));
  EXPECT_EQ(TablesOf(reduced), TablesOf(ranks.Expected({1})));
}

TEST(RpcReducer, AroundARankThatIsLostHalfWay) {
  Ranks ranks(7);
  ranks.LoseAfter(2, 1);
  const Profile reduced = ranks.ReducedBy(0);
  EXPECT_THAT(reduced.Missing(), ElementsAre(2));
  EXPECT_EQ(reduced.ranks.size(), 6U);
}

TEST(RpcReducer, WhoFollowsIsToldThatItWasTaken) {
  Ranks ranks(2);
  std::optional<Profile> own = ranks.OwnOf(1, "final");
  std::thread leader([&] { ranks.ReducedBy(0); });
  EXPECT_TRUE(ranks[1].Follow(own, Ranks::Deadline()));
  EXPECT_FALSE(own.has_value());
  leader.join();
}

// Whoever leads a snapshot is lost before it has taken it, again and again; or its last word is.
TEST(RpcReducer, SessionsThatNobodyTakesGo) {
  Ranks ranks(2);
  for (uint32_t number = 1; number <= 4 * RpcReducer::kMostSessions; ++number) {
    std::promise<rpc::Reply> got;
    rpc::Request request{.kind = rpc::Kind::kReduce, .path = "/noon", .argument = uint64_t{number} << 32};
    ranks[1].Handle(0, request, rpc::Responder([&](rpc::Reply reply) { got.set_value(std::move(reply)); }));
    EXPECT_EQ(got.get_future().get().error, 0) << number;
    EXPECT_LE(ranks[1].sessions(), RpcReducer::kMostSessions);
  }
  EXPECT_EQ(TablesOf(ranks.ReducedBy(0, "noon")).paths, TablesOf(ranks.Expected({}, "noon")).paths);
}

// One that was thought to be lost goes on asking beside who asks in its place.
TEST(RpcReducer, TwoThatAskForOneProfileBothHaveAllOfIt) {
  Ranks ranks(3);
  const auto ask = [&](Rank from, uint32_t piece) {
    std::promise<rpc::Reply> got;
    rpc::Request request{.kind = rpc::Kind::kReduce, .path = "/noon", .argument = uint64_t{1} << 32 | piece};
    ranks[2].Handle(from, request, rpc::Responder([&](rpc::Reply reply) { got.set_value(std::move(reply)); }));
    return got.get_future().get();
  };
  uint32_t piece = 0;
  for (bool is_over = false; !is_over; ++piece) {
    const rpc::Reply one = ask(0, piece);
    const rpc::Reply other = ask(1, piece);
    ASSERT_EQ(one.error, 0) << piece;
    ASSERT_EQ(other.error, 0) << piece;
    EXPECT_TRUE(std::ranges::equal(one.payload.span(), other.payload.span())) << piece;
    is_over = one.payload.size() == 1;
  }
  EXPECT_GT(piece, 2U);
  EXPECT_EQ(ask(0, UINT32_MAX).error, 0);
  EXPECT_EQ(ranks[2].sessions(), 1U) << "the other has not said that it has all of it";
  EXPECT_EQ(ask(1, UINT32_MAX).error, 0);
  EXPECT_EQ(ranks[2].sessions(), 0U);
}

TEST(RpcReducer, WhoSaysThatItHasAllOfWhatItWaitsForIsAnswered) {
  Ranks ranks(3);
  ranks.HoldOwn(true);
  const auto send = [&](uint32_t piece, std::promise<rpc::Reply>& got) {
    rpc::Request request{.kind = rpc::Kind::kReduce, .path = "/noon", .argument = uint64_t{1} << 32 | piece};
    ranks[2].Handle(0, request, rpc::Responder([&](rpc::Reply reply) {
                      EXPECT_LE(ranks[2].sessions(), 1U) << "answered without a lock";
                      got.set_value(std::move(reply));
                    }));
  };
  std::promise<rpc::Reply> first, all;
  send(0, first);
  send(UINT32_MAX, all);
  EXPECT_EQ(all.get_future().get().error, 0);
  EXPECT_NE(first.get_future().get().error, 0);
  ranks.HoldOwn(false);
}

TEST(RpcReducer, WhoIsNotAskedKeepsItsOwn) {
  Ranks ranks(2);
  std::optional<Profile> own = ranks.OwnOf(1, "final");
  const Status followed = ranks[1].Follow(own, SteadyClock().Now() + std::chrono::milliseconds(1));
  ASSERT_FALSE(followed);
  EXPECT_EQ(followed.error().code, ETIMEDOUT);
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(TablesOf(*own), TablesOf(ranks.OwnOf(1, "final")));
}

TEST(RpcReducer, StrangeRequestsAreRefused) {
  Ranks ranks(3);
  const auto answer = [&](uint32_t leader, uint32_t piece) {
    rpc::Reply got;
    rpc::Request request{.kind = rpc::Kind::kReduce, .path = "/final", .argument = piece, .argument2 = leader};
    ranks[1].Handle(0, request, rpc::Responder([&](rpc::Reply reply) { got = std::move(reply); }));
    return got.error;
  };
  EXPECT_EQ(answer(1, 0), EINVAL) << "itself";
  EXPECT_EQ(answer(3, 0), EINVAL) << "no such rank";
  EXPECT_EQ(answer(0, UINT32_MAX), 0) << "of what it has not";
}

}  // namespace
}  // namespace copper::job
