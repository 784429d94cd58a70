#include "upstream.h"

#include <algorithm>

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
int ErrorOfWay(const Result<rpc::Reply>& outcome) {
  if (!outcome) return outcome.error().code;
  return outcome->error == EAGAIN ? EAGAIN : 0;
}

Doing DoingOf(rpc::Kind kind) {
  switch (kind) {
    case rpc::Kind::kLook:
      return Doing::kLooking;
    case rpc::Kind::kList:
      return Doing::kListing;
    case rpc::Kind::kRead:
      return Doing::kReading;
    default:
      return Doing::kSeeking;
  }
}

int64_t Seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

void Upstream::Fetch(TreeId tree, rpc::Request request, const Ask& ask, Outcome outcome) {
  request.tree = tree;
  request.hops = static_cast<uint16_t>(ask.hops + 1);
  const auto errand = std::make_shared<Errand>(std::move(request), std::move(outcome));
  if (ask.as_root) return Read(errand);
  Send(errand);
}

void Upstream::Send(const ErrandPtr& errand) {
  const tree::Forest& forest = context_.parts.forest;
  while (const auto step = forest.StepUp(context_.options.self, errand->request.tree, errand->step)) {
    Asked& asked = Of(step->rank);
    errand->request.as_root = step->as_root;
    if (!asked.parent.IsLost()) return Call(step->rank, asked, errand);
    asked.parent.Want();
    ++errand->step;
    errand->repeats = 0;
  }
  Read(errand);
}

void Upstream::Call(Rank rank, Asked& asked, const ErrandPtr& errand) {
  context_.parts.counters.Count(Event::kRequestsToParent);
  errand->deadline = context_.SourceDeadline();
  rpc::Channel::Done done = [this, rank, &asked, errand,
                             wait = asked.waits.Begin(DoingOf(errand->request.kind), errand->request.path)](
                                Result<rpc::Reply> outcome) mutable {
    {
      const WaitList::Token over = std::move(wait);
    }
    OnOutcome(rank, asked, errand, std::move(outcome));
  };
  context_.parts.channel.Call(rank, errand->request, errand->deadline, std::move(done));
}

void Upstream::OnOutcome(Rank rank, Asked& asked, const ErrandPtr& errand, Result<rpc::Reply> outcome) {
  if (outcome) asked.parent.OnAnswer(context_.Now());
  if (IsTheEnd(outcome)) return errand->outcome.reply(ErrorReply(outcome.error()));
  const int error = ErrorOfWay(outcome);
  if (error == 0) return errand->outcome.reply(*std::move(outcome));
  const Status gone_on = Attempt([&] { OnFailure(rank, asked, errand, error); });
  if (!gone_on) errand->outcome.reply(ErrorReply(gone_on.error()));
}

// The source's time is over for those who waited first; the fabric has an ETIMEDOUT of its own.
bool Upstream::IsOver(const Errand& errand, int error) const {
  return error == ETIMEDOUT && errand.deadline - context_.Now() <= kRounding;
}

void Upstream::OnFailure(Rank rank, Asked& asked, const ErrandPtr& errand, int error) {
  ++errand->request.attempt;
  if (IsOver(*errand, error)) {
    if (errand->outcome.is_wanted()) return Send(errand);
    return errand->outcome.reply(ErrorReply({ETIMEDOUT, {}}));
  }
  if (error == ENOMSG && errand->repeats++ < kRepeats) return Send(errand);
  const bool is_there = error == EAGAIN || error == ENOMSG;
  if (!is_there) {
    asked.parent.OnFailure();
    Probe(rank, asked);
  }
  SendElsewhere(errand);
}

void Upstream::SendElsewhere(const ErrandPtr& errand) {
  ++errand->step;
  errand->repeats = 0;
  Send(errand);
}

void Upstream::Read(const ErrandPtr& errand) {
  const rpc::Request& request = errand->request;
  const bool is_root = context_.parts.forest.Root(request.tree) == context_.options.self;
  if (!is_root) context_.parts.counters.Count(Event::kDetours);
  Executor& pool = is_root ? context_.parts.pool : context_.parts.detour;
  pool.Submit([wait = context_.waits.Begin(DoingOf(request.kind), request.path),
               read = std::move(errand->outcome.read)]() mutable { read(); });
}

Upstream::Asked& Upstream::Of(Rank rank) {
  const MutexLock lock(mutex_);
  std::unique_ptr<Asked>& asked = asked_[rank];
  if (!asked) asked = std::make_unique<Asked>(context_.parts.clock);
  return *asked;
}

std::vector<Upstream::Known> Upstream::All() const {
  std::vector<Known> all;
  const MutexLock lock(mutex_);
  for (const auto& [rank, asked] : asked_) all.push_back({rank, *asked});
  return all;
}

void Upstream::ReadInstead(Rank from, const std::string& path, Task read) {
  context_.parts.counters.Count(Event::kCorrupt);
  bool is_first = false;
  {
    const MutexLock lock(mutex_);
    is_first = named_.insert(from).second;
  }
  if (is_first) {
    context_.parts.log.Error(
        "what came of {} from {} is not what was read from the source: its memory, or the network on the way, changes "
        "bytes. This node reads it itself; further cases are only counted",
        path, Describe(from));
  }
  context_.parts.counters.Count(Event::kDetours);
  context_.parts.detour.Submit(std::move(read));
}

bool Upstream::IsLost(Rank rank) const {
  const MutexLock lock(mutex_);
  const auto asked = asked_.find(rank);
  return asked != asked_.end() && asked->second->parent.IsLost();
}

bool Upstream::OnTick() {
  TellNews(context_.waits, std::nullopt);
  bool needed = !context_.waits.empty();
  for (const auto& [rank, asked] : All()) {
    Probe(rank, asked);
    TellNews(asked.waits, rank);
    needed = asked.parent.NeedsTicks() || !asked.waits.empty() || needed;
  }
  return needed;
}

void Upstream::Probe(Rank rank, Asked& asked) {
  const TimePoint now = context_.Now();
  if (!asked.parent.TakeProbe(now, asked.waits.LastOld(kOld))) return;
  context_.parts.channel.Inquire(
      rank, kOld, now + kProbePatience,
      [this, rank, &asked](const Result<rpc::Reply>& answer) { OnProbe(rank, asked, answer); });
}

void Upstream::OnProbe(Rank rank, Asked& asked, const Result<rpc::Reply>& answer) {
  if (IsTheEnd(answer)) return;
  const Parent::News news = asked.parent.OnProbe(answer.has_value(), context_.Now());
  if (news != Parent::News::kNone) Tell(rank, news == Parent::News::kLost);
  if (!asked.parent.IsLost()) return;
  context_.parts.channel.GiveUp(rank);  // also what was sent there while it was being found lost
  context_.parts.channel.WantTicks();
}

std::string Upstream::Describe(std::optional<Rank> rank) const {
  if (!rank) return "the source";
  const std::vector<std::string>& hosts = context_.options.hosts;
  return "rank " + std::to_string(*rank) + (*rank < hosts.size() ? " on " + hosts[*rank] : "");
}

void Upstream::Tell(Rank rank, bool lost) const {
  if (lost) {
    context_.parts.counters.Count(Event::kLostParents);
    context_.parts.log.Warning(
        "{} does not answer; this node asks those above it, or reads the source itself, until it does", Describe(rank));
  } else {
    context_.parts.log.Info("{} answers again", Describe(rank));
  }
  if (listener_) listener_(rank, lost);
}

void Upstream::TellNews(WaitList& waits, std::optional<Rank> whom) const {
  for (const WaitList::News& news : waits.TakeNews()) {
    const std::string what = std::string(Name(news.wait.doing)) + " " + news.wait.path;
    if (news.is_over) {
      context_.parts.log.Warning("{} has waited {} s for {}, the longest of its kind: this is over", what,
                                 Seconds(news.waited), Describe(whom));
    } else {
      context_.parts.log.Warning("{} has waited {} s for {} and goes on waiting", what, Seconds(news.waited),
                                 Describe(whom));
    }
  }
}

std::vector<Fetcher::LongWait> Upstream::LongWaits(size_t most) const {
  const TimePoint now = context_.Now();
  std::vector<Fetcher::LongWait> all;
  const auto add = [&](const WaitList& waits, std::optional<Rank> whom) {
    for (const WaitList::Wait& wait : waits.Longest(kWorthTelling, most)) {
      all.push_back({std::string(Name(wait.doing)), wait.path, Describe(whom), now - wait.since});
    }
  };
  add(context_.waits, std::nullopt);
  for (const auto& [rank, asked] : All()) add(asked.waits, rank);
  std::ranges::sort(all, std::greater{}, &Fetcher::LongWait::waited);
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace copper::fetch
