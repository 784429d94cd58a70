// The daemons of a job in one thread, as far as they talk to each other: messages arrive at once, time is what the test
// says. A lost rank refuses; a frozen one says nothing, so that who asks it waits as long as he gave it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "copper/job/deputy.h"
#include "copper/job/ending.h"
#include "copper/job/losses.h"
#include "copper/job/roll_call.h"
#include "fakes/fake_clock.h"
#include "queue.h"

namespace copper::job {

class Network;

// Calls that arrive at once, at the rank they are for.
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

struct Node {
  Node(Network& network, Rank rank, const tree::Forest& forest, const Clock& clock, Logger& log)
      : channel(network, rank),
        ending(
            rank, {channel, forest, loop, losses, clock, log},
            {.begin =
                 [this](StopReason reason, Rank by) {
                   begun.emplace_back(reason, by);
                   if (unmounts) ending.Left();
                 },
             .go = [this](const JobEnd& how) { end = how; },
             .served =
                 [rank] { return Served{.requests = rank + 1, .from_source = rank < 64 ? uint64_t{1} << rank : 0}; }}),
        roll_call(
            rank, {channel, forest, loop, losses, clock, log},
            {.all_unmounted = [this](Rank last) { ending.Conduct(StopReason::kUnmounted, last); },
             .status = [rank] { return Json{{"rank", rank}, {"mounted", true}, {"requests", {{"total", 10U}}}}; }}),
        deputy(Deputy::Make(rank, forest.ranks(), roll_call, log, [this] { ++took_over; })) {}

  DirectChannel channel;
  Queue loop;
  Losses losses;
  bool unmounts = true;  // at the end; false: it hangs there
  std::vector<std::pair<StopReason, Rank>> begun;
  std::optional<JobEnd> end;
  int took_over = 0;
  Ending ending;
  RollCall roll_call;
  std::unique_ptr<Deputy> deputy;  // none: none of the first ranks
};

class Network {
 public:
  explicit Network(uint32_t ranks, uint32_t fanout = 2) : forest_(ranks, fanout, 1) {
    for (Rank rank = 0; rank < ranks; ++rank) {
      nodes_.push_back(std::make_unique<Node>(*this, rank, forest_, clock_, log_));
    }
  }

  Node& operator[](Rank rank) { return *nodes_[rank]; }
  void Lose(Rank rank) { lost_.insert(rank); }
  void Return(Rank rank) { lost_.erase(rank); }
  void Freeze(Rank rank) { frozen_.insert(rank); }
  // Its loop stands still, in a job directory that hangs; it answers what its progress thread answers.
  void HangInLoop(Rank rank) { in_loop_.insert(rank); }
  bool Lives(Rank rank) const { return !lost_.contains(rank) && !frozen_.contains(rank); }
  // Everything that is to be done at this time, on the living ranks.
  void RunAll() {
    for (bool ran = true; ran;) {
      ran = false;
      for (Rank rank = 0; rank < nodes_.size(); ++rank) ran = (Runs(rank) && Run(rank)) || ran;
    }
  }
  // The same second by second, with the ticks that a rank gets which is ending.
  void Pass(int seconds) {
    for (int second = 0; second < seconds; ++second) {
      clock_.Advance(std::chrono::seconds(1));
      for (Rank rank = 0; rank < nodes_.size(); ++rank) {
        if (Runs(rank)) nodes_[rank]->ending.OnTick();
      }
      Expire();
      RunAll();
    }
  }

  std::vector<Rank> Begun() const {
    return Where([](const Node& node) { return !node.begun.empty(); });
  }
  std::vector<Rank> Gone() const {
    return Where([](const Node& node) { return node.end.has_value(); });
  }
  std::vector<Rank> GoneWhole() const {
    return Where([](const Node& node) { return node.end && node.end->whole; });
  }
  std::vector<Rank> Conductors() const {
    return Where([](const Node& node) { return node.end && node.end->conducted; });
  }

  // A lost rank answers nothing, and what it asks arrives nowhere.
  void Deliver(Rank from, Rank to, const rpc::Request& request, TimePoint deadline, rpc::Channel::Done done) {
    if (frozen_.contains(to)) {
      unanswered_.emplace_back(from, deadline, std::move(done));
      return;
    }
    if (lost_.contains(to) || lost_.contains(from)) return done(Fail(ETIMEDOUT));
    if (request.kind == rpc::Kind::kPing) return done(rpc::Reply{});  // as the channel does
    auto shared = std::make_shared<rpc::Channel::Done>(std::move(done));
    rpc::Responder respond([shared](rpc::Reply reply) { (*shared)(std::move(reply)); });
    const bool of_the_end = request.kind == rpc::Kind::kStop || request.kind == rpc::Kind::kLeft;
    if (of_the_end) return nodes_[to]->ending.Handle(from, request, std::move(respond));
    nodes_[to]->roll_call.Handle(from, request, std::move(respond));
  }

 private:
  struct Unanswered {
    Rank from;
    TimePoint deadline;
    rpc::Channel::Done done;
  };

  // What a frozen rank has asked itself waits for it.
  void Expire() {
    for (std::vector<Unanswered> calls = std::exchange(unanswered_, {}); Unanswered & call : calls) {
      if (call.deadline <= clock_.Now() && Lives(call.from)) {
        call.done(Fail(ETIMEDOUT));
      } else {
        unanswered_.push_back(std::move(call));
      }
    }
  }
  bool Runs(Rank rank) const { return Lives(rank) && !in_loop_.contains(rank); }
  bool Run(Rank rank) { return nodes_[rank]->loop.RunOne(); }
  template <class Which>
  std::vector<Rank> Where(Which which) const {
    std::vector<Rank> found;
    for (Rank rank = 0; rank < nodes_.size(); ++rank) {
      if (which(*nodes_[rank])) found.push_back(rank);
    }
    return found;
  }

  tree::Forest forest_;
  fakes::FakeClock clock_;
  Logger log_{LogLevel::kNone, LogType::kStdout, ""};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::set<Rank> lost_;
  std::set<Rank> frozen_;
  std::set<Rank> in_loop_;
  std::vector<Unanswered> unanswered_;
};

inline void DirectChannel::Call(Rank to, rpc::Request request, TimePoint deadline, Done done) {
  network_.Deliver(self_, to, request, deadline, std::move(done));
}

}  // namespace copper::job
