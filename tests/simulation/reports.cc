#include "simulation/reports.h"

#include <fmt/format.h>

#include <algorithm>

#include "copper/job/deputy.h"

namespace copper::simulation {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// As the product has it for a reduction (app/daemon_end.cc), and for the last of those who wait.
constexpr auto kReducedWithin = seconds(60);
constexpr auto kReported = seconds(75);
constexpr auto kAnswered = seconds(10);  // of a look of the deputies

}  // namespace

void Reports::Run() {
  const Rank first = FirstThatRuns();
  AskAll(first);
  const auto running = std::ranges::count_if(world_.nodes, [](Node* node) { return node->host().runs(); });
  if (running == 1) return;
  Kill(first);
  CheckDeputies();
  AskAll(FirstThatRuns());
}

// A quarter is killed at most, so there is one.
Rank Reports::FirstThatRuns() const {
  return (*std::ranges::find_if(world_.nodes, [](Node* node) { return node->host().runs(); }))->host().rank();
}

void Reports::RunUntil(TimePoint when) {
  while (!world_.queue.empty() && world_.queue.next() <= when) world_.queue.RunOne();
}

void Reports::AskAll(Rank leader) {
  dead_.clear();
  disturbed_.clear();
  for (Node* node : world_.nodes) {
    if (node->host().is_dead()) dead_.insert(node->host().rank());
  }
  const TimePoint begun = world_.queue.Now();
  struct Answers {
    std::optional<Json> status;
    std::optional<Result<profile::Profile>> profile;
  };
  const auto answers = std::make_shared<Answers>();
  Node& node = *world_.nodes[leader];
  // In the loop, as the product asks.
  world_.queue.At(begun, What::kTask, node.host(), [this, &node, answers, begun] {
    node.roll_call().CollectStatus([this, answers, begun](Json said) {
      answers->status = std::move(said);
      status_in_ = std::max<Duration>(status_in_, world_.queue.Now() - begun);
    });
  });
  node.Reduce("simulated", begun + kReducedWithin, [this, answers, begun](Result<profile::Profile> reduced) {
    answers->profile = std::move(reduced);
    reduced_in_ = std::max<Duration>(reduced_in_, world_.queue.Now() - begun);
  });
  for (uint32_t number = 0; number < lost_; ++number) {
    // While the first messages are on their way, or while some wait for the lost.
    const Duration within = random_.Happens(0.5) ? Duration(milliseconds(1)) : Duration(seconds(3));
    world_.queue.AtOutside(begun + random_.Between({}, within), What::kFault, number,
                           [this, leader] { Disturb(leader); });
  }
  RunUntil(begun + kReported);
  CheckStatus(answers->status);
  CheckProfile(answers->profile);
}

// A quarter of the ranks is killed at most, so that there is a job left.
void Reports::Disturb(Rank leader) {
  const auto rank = static_cast<Rank>(random_.Below(world_.nodes.size()));
  if (rank == leader || !world_.nodes[rank]->host().runs()) return;
  const auto dead = std::ranges::count_if(world_.nodes, [](Node* node) { return node->host().is_dead(); });
  const bool may_kill = (static_cast<size_t>(dead) + 1) * 4 <= world_.nodes.size();
  if (may_kill && random_.Happens(0.5)) return Kill(rank);
  Freeze(rank, random_.Between(milliseconds(100), seconds(8)));
}

void Reports::Kill(Rank rank) {
  world_.queue.Kill(world_.nodes[rank]->host());
  disturbed_.insert(rank);
  world_.on_killed(rank);
  Tell(fmt::format("kill rank {}", rank));
}

void Reports::Freeze(Rank rank, Duration time) {
  Host& host = world_.nodes[rank]->host();
  world_.queue.Freeze(host);
  disturbed_.insert(rank);
  Tell(fmt::format("freeze rank {} for {:.3f} s", rank, std::chrono::duration<double>(time).count()));
  world_.queue.AtOutside(world_.queue.Now() + time, What::kFault, rank, [this, &host] { world_.queue.Thaw(host); });
}

void Reports::Tell(const std::string& what) {
  told_.push_back(fmt::format("{:.6f} s: {}, while the job is asked",
                              std::chrono::duration<double>(world_.queue.SinceStart()).count(), what));
}

// Rows of many ranks are left out where they do not fit into a message: then all are counted, and none is named.
void Reports::CheckStatus(const std::optional<Json>& status) {
  if (!status) return world_.checks.Fail(Check::kStatus, "it does not come");
  const Json& totals = (*status)["totals"];
  Said said;
  for (const Json& rank : totals["unreachable"]) said.missing.insert(rank.get<Rank>());
  for (const Json& row : (*status)["ranks"]) said.there.insert(row["rank"].get<Rank>());
  const auto counted = totals["ranks"].get<uint64_t>();
  const auto left_out = totals["ranks_left_out"].get<uint64_t>();
  world_.checks.Expect(counted == said.there.size() + left_out, Check::kStatus, "rows are not what is counted");
  if (left_out == 0) return CheckRanks(said, Check::kStatus);
  world_.checks.Expect(
      counted + said.missing.size() == world_.nodes.size(), Check::kStatus,
      fmt::format("{} ranks are counted, {} unreachable, of {}", counted, said.missing.size(), world_.nodes.size()));
}

void Reports::CheckProfile(const std::optional<Result<profile::Profile>>& profile) {
  if (!profile) return world_.checks.Fail(Check::kReduction, "it is never over");
  if (!*profile) return world_.checks.Fail(Check::kReduction, profile->error().Describe());
  Said said;
  for (const profile::RankUse& row : (*profile)->ranks) said.there.insert(row.rank);
  for (const Rank rank : (*profile)->Missing()) said.missing.insert(rank);
  CheckRanks(said, Check::kReduction);
  const uint64_t calls = (*profile)->operations.front().calls;
  world_.checks.Expect(calls == said.there.size(), Check::kReduction,
                       fmt::format("{} rows, but {} calls, of one for each rank", said.there.size(), calls));
}

// Who was killed or frozen meanwhile may be either. A status is collected along tree 0, and who was frozen there finds
// that the time of those below it is over.
void Reports::CheckRanks(const Said& said, Check check) const {
  for (Rank rank = 0; rank < world_.nodes.size(); ++rank) {
    const size_t there = said.there.count(rank);
    const size_t missing = said.missing.count(rank);
    const auto complain = [&](std::string_view what) {
      world_.checks.Fail(check,
                         fmt::format("rank {} {}: {} times there, {} times missing", rank, what, there, missing));
    };
    const bool may_miss = disturbed_.contains(rank) || (check == Check::kStatus && IsBelowDisturbed(rank));
    if (there + missing != 1) {
      complain("is not told of once");
    } else if (dead_.contains(rank) && there != 0) {
      complain("is dead");
    } else if (!dead_.contains(rank) && !may_miss && there == 0) {
      complain("lives");
    }
  }
}

bool Reports::IsBelowDisturbed(Rank rank) const {
  for (auto above = world_.forest.Parent(rank, 0); above; above = world_.forest.Parent(*above, 0)) {
    if (disturbed_.contains(*above)) return true;
  }
  return false;
}

// Each deputy looks twice, as it does every kPause. The first that runs acts then, and nobody else.
void Reports::CheckDeputies() {
  for (int look = 0; look < 2; ++look) {
    for (Node* node : world_.nodes) {
      world_.queue.After(job::Deputy::kPause, What::kTask, node->host(), [node] { node->LookAsDeputy(); });
    }
    RunUntil(world_.queue.Now() + job::Deputy::kPause + kAnswered);
  }
  const auto ranks = static_cast<uint32_t>(world_.nodes.size());
  bool is_first = true;
  for (Node* node : world_.nodes) {
    const Rank rank = node->host().rank();
    if (!node->host().runs() || !job::Deputy::IsFirst(rank, ranks)) continue;
    const bool must_act = std::exchange(is_first, false);
    if (node->Acts() != must_act) {
      world_.checks.Fail(Check::kDeputies,
                         fmt::format("rank {} {}", rank, must_act ? "speaks for nobody" : "speaks, too"));
    }
  }
}

}  // namespace copper::simulation
