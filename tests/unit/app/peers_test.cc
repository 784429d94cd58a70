#include "app/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "app/status.h"
#include "fakes/fake_clock.h"

namespace copper::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Network;

// Calls that arrive at once, at the Peers of the rank they are for.
class DirectChannel final : public rpc::Channel {
 public:
  DirectChannel(Network& network, Rank self) : network_(network), self_(self) {}
  void Call(Rank to, rpc::Request request, TimePoint deadline, Done done) override;
  void GiveUp(Rank) override {}
  void WantTicks() override {}

 private:
  Network& network_;
  const Rank self_;
};

class Queue final : public Executor {
 public:
  void Submit(Task task) override { tasks_.push_back(std::move(task)); }
  bool RunOne() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }

 private:
  std::deque<Task> tasks_;
};

struct Node {
  Node(Network& network, Rank rank, const tree::Forest& forest, const Clock& clock, Logger& log)
      : channel(network, rank),
        peers(rank, {channel, forest, loop, clock, log},
              {.end = [this](StopReason reason, Rank by) { ends.emplace_back(reason, by); },
               .status = [rank] { return Json{{"rank", rank}, {"mounted", true}, {"requests", {{"total", 10U}}}}; }}) {}

  DirectChannel channel;
  Queue loop;
  std::vector<std::pair<StopReason, Rank>> ends;
  Peers peers;
};

class Network {
 public:
  explicit Network(uint32_t ranks) : forest_(ranks, 2, 1) {
    for (Rank rank = 0; rank < ranks; ++rank) {
      nodes_.push_back(std::make_unique<Node>(*this, rank, forest_, clock_, log_));
    }
  }

  Node& operator[](Rank rank) { return *nodes_[rank]; }
  void Lose(Rank rank) { lost_.insert(rank); }
  void RunAll() {
    for (bool ran = true; ran;) {
      ran = false;
      for (const auto& node : nodes_) ran = node->loop.RunOne() || ran;
    }
  }
  // The ranks that were told to end.
  std::vector<Rank> Ended() const {
    std::vector<Rank> ended;
    for (Rank rank = 0; rank < nodes_.size(); ++rank) {
      if (!nodes_[rank]->ends.empty()) ended.push_back(rank);
    }
    return ended;
  }
  void Deliver(Rank from, Rank to, const rpc::Request& request, rpc::Channel::Done done) {
    if (lost_.contains(to)) return done(Fail(ETIMEDOUT));
    auto shared = std::make_shared<rpc::Channel::Done>(std::move(done));
    nodes_[to]->peers.Handle(from, request,
                             rpc::Responder([shared](rpc::Reply reply) { (*shared)(std::move(reply)); }));
  }

 private:
  tree::Forest forest_;
  fakes::FakeClock clock_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<Rank> lost_;
};

void DirectChannel::Call(Rank to, rpc::Request request, TimePoint, Done done) {
  network_.Deliver(self_, to, request, std::move(done));
}

Json Collect(Network& network, Rank rank) {
  Json collected;
  network[rank].peers.CollectStatus(network[rank].peers.StatusBudget(),
                                    [&](Json status) { collected = std::move(status); });
  network.RunAll();
  return collected;
}

TEST(PeersStop, RankZeroTellsAll) {
  Network network(7);
  network[0].peers.RequestStop(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Ended(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network[6].ends, ElementsAre(std::pair(StopReason::kRequest, Rank{0})));
}

TEST(PeersStop, AnyRankMayAsk) {
  Network network(7);
  network[4].peers.RequestStop(StopReason::kIoctl);
  network.RunAll();
  EXPECT_THAT(network.Ended(), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(network[0].ends, ElementsAre(std::pair(StopReason::kIoctl, Rank{4})));
  EXPECT_THAT(network[5].ends, ElementsAre(std::pair(StopReason::kIoctl, Rank{4})));
}

TEST(PeersStop, AllAtOnceIsOnce) {
  Network network(3);
  for (Rank rank = 0; rank < 3; ++rank) network[rank].peers.RequestStop(StopReason::kSignal);
  network.RunAll();
  EXPECT_EQ(network[0].ends.size(), 1U);
  EXPECT_THAT(network.Ended(), ElementsAre(0, 1, 2));
}

TEST(PeersStop, TheOrderSpreadsPastALostRank) {
  Network network(7);
  network.Lose(1);
  network[0].peers.RequestStop(StopReason::kRequest);
  network.RunAll();
  EXPECT_THAT(network.Ended(), ElementsAre(0, 2, 3, 4, 5, 6));
}

TEST(PeersStop, WithoutRankZeroARankEndsAlone) {
  Network network(3);
  network.Lose(0);
  network[2].peers.RequestStop(StopReason::kSignal);
  network.RunAll();
  EXPECT_THAT(network.Ended(), ElementsAre(2));
}

TEST(PeersStop, OneRankAlone) {
  Network network(1);
  network[0].peers.RequestStop(StopReason::kSignal);
  network.RunAll();
  EXPECT_EQ(network[0].ends.size(), 1U);
}

TEST(PeersUnmounted, EndsTheJobWhenAllAreGone) {
  Network network(3);
  network[2].peers.TellUnmounted();
  network[0].peers.TellUnmounted();
  network[2].peers.TellUnmounted();
  network.RunAll();
  EXPECT_THAT(network.Ended(), IsEmpty());
  network[1].peers.TellUnmounted();
  network.RunAll();
  EXPECT_THAT(network.Ended(), ElementsAre(0, 1, 2));
  EXPECT_EQ(network[1].ends[0].first, StopReason::kUnmounted);
}

TEST(PeersStatus, CollectsEveryRankOnce) {
  Network network(7);
  const Json status = Collect(network, 0);
  EXPECT_EQ(status["ranks"].size(), 7U);
  EXPECT_EQ(status["totals"]["ranks"], 7);
  EXPECT_EQ(status["totals"]["requests"]["total"], 70);
  EXPECT_TRUE(status["totals"]["unreachable"].empty());
}

TEST(PeersStatus, NamesTheLost) {
  Network network(7);
  network.Lose(2);
  const Json status = Collect(network, 0);
  EXPECT_EQ(status["totals"]["ranks"], 4);
  EXPECT_EQ(status["totals"]["unreachable"], Json::array({2}));
}

TEST(PeersStatus, OneRankAlone) {
  Network network(1);
  EXPECT_EQ(Collect(network, 0)["totals"]["ranks"], 1);
}

TEST(Peers, DoesNotKnowOtherRequests) {
  Network network(2);
  int error = 0;
  rpc::Request request;
  request.kind = rpc::Kind::kSeek;
  network.Deliver(0, 1, request, [&](Result<rpc::Reply> reply) { error = reply ? reply->error : -1; });
  EXPECT_EQ(error, ENOSYS);
}

TEST(Peers, OnlyRankZeroTakesWishesAndOnlyParentsGiveOrders) {
  Network network(3);
  rpc::Request wish;
  wish.kind = rpc::Kind::kStop;
  wish.argument2 = static_cast<uint32_t>(StopReason::kSignal);
  network.Deliver(2, 1, wish, [](const Result<rpc::Reply>&) {});
  rpc::Request order = wish;
  order.argument = 1;
  network.Deliver(2, 0, order, [](const Result<rpc::Reply>&) {});
  network.RunAll();
  EXPECT_THAT(network.Ended(), IsEmpty());
}

}  // namespace
}  // namespace copper::app
