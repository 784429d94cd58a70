#include "upstream.h"

#include "copper/base/attempt.h"

#include "deadlines.h"

namespace copper::fetch {
namespace {

using profile::Event;

// The channel of this node ends: there is nobody to ask, and nobody who waits.
bool IsTheEnd(const Result<rpc::Reply>& outcome) {
  return !outcome && outcome.error().code == ESHUTDOWN;
}

// EAGAIN is not of the source: the parent has more requests of ours than it takes.
bool IsAnswer(const Result<rpc::Reply>& outcome) {
  return outcome && outcome->error != EAGAIN;
}

}  // namespace

Upstream::Upstream(const Context& context) : context_(context) {
  const tree::Forest& forest = context.parts.forest;
  for (TreeId tree = 0; tree < forest.trees(); ++tree) {
    if (const auto parent = forest.Parent(context.options.self, tree)) parents_.try_emplace(*parent);
  }
}

void Upstream::Fetch(TreeId tree, rpc::Request request, Ask ask, OnReply reply, Task read) {
  const std::optional<Rank> rank = context_.parts.forest.Parent(context_.options.self, tree);
  if (!rank) return context_.parts.pool.Submit(std::move(read));
  const TimePoint now = context_.Now();
  Parent& parent = parents_.at(*rank);
  if (parent.IsLost()) {
    parent.Want();
    return Detour(std::move(read));
  }
  rpc::Channel::Done done = [this, rank = *rank, reply = std::move(reply),
                             read = std::move(read)](Result<rpc::Reply> outcome) mutable {
    OnOutcome(rank, std::move(outcome), std::move(reply), std::move(read));
  };
  parent.OnAsked(now);
  context_.parts.counters.Count(Event::kRequestsToParent);
  request.tree = tree;
  request.hops = static_cast<uint16_t>(ask.hops + 1);
  context_.parts.channel.Call(*rank, std::move(request), DeadlineOfParent(ask.deadline, now), std::move(done));
}

void Upstream::OnOutcome(Rank rank, Result<rpc::Reply> outcome, OnReply reply, Task read) {
  Parent& parent = parents_.at(rank);
  if (outcome) {
    parent.OnAnswer(context_.Now());
  } else {
    parent.OnFailure();
  }
  if (IsTheEnd(outcome)) return reply(ErrorReply(outcome.error()));
  if (IsAnswer(outcome)) return reply(*std::move(outcome));
  const Status taken = Attempt([&] { Detour(std::move(read)); });
  if (!taken) reply(ErrorReply(taken.error()));
  Probe(rank, parent);
}

// Each ancestor of the lost parent could be asked here, nearest first, before the source is.
void Upstream::Detour(Task read) {
  context_.parts.counters.Count(Event::kDetours);
  context_.parts.detour.Submit(std::move(read));
}

bool Upstream::OnTick(TimePoint /*now*/) {
  bool needed = false;
  for (auto& [rank, parent] : parents_) {
    Probe(rank, parent);
    needed = parent.NeedsTicks() || needed;
  }
  return needed;
}

void Upstream::Probe(Rank rank, Parent& parent) {
  const TimePoint now = context_.Now();
  if (!parent.TakeProbe(now)) return;
  rpc::Request ping;
  ping.kind = rpc::Kind::kPing;
  context_.parts.channel.Call(
      rank, std::move(ping), now + Parent::kProbePatience,
      [this, rank, &parent](const Result<rpc::Reply>& answer) { OnProbe(rank, parent, answer); });
}

void Upstream::OnProbe(Rank rank, Parent& parent, const Result<rpc::Reply>& answer) {
  if (IsTheEnd(answer)) return;
  const Parent::News news = parent.OnProbe(answer.has_value(), context_.Now());
  if (news != Parent::News::kNone) Tell(rank, news == Parent::News::kLost);
  if (!parent.IsLost()) return;
  context_.parts.channel.GiveUp(rank);  // also what was sent there while it was being found lost
  context_.parts.channel.WantTicks();
}

void Upstream::Tell(Rank rank, bool lost) const {
  const std::vector<std::string>& hosts = context_.options.hosts;
  const std::string who = "rank " + std::to_string(rank) + (rank < hosts.size() ? " on " + hosts[rank] : "");
  if (lost) {
    context_.parts.counters.Count(Event::kLostParents);
    context_.parts.log.Warning("{} does not answer; this node reads the source itself until it does", who);
  } else {
    context_.parts.log.Info("{} answers again", who);
  }
  if (listener_) listener_(rank, lost);
}

}  // namespace copper::fetch
