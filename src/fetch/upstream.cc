#include "upstream.h"

#include <algorithm>

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

Upstream::Upstream(const Context& context) : context_(context) {
  context_.watch.SetListener([this](Rank rank, bool lost) { Tell(rank, lost); });
}

void Upstream::Fetch(TreeId tree, rpc::Request request, const Ask& ask, Outcome outcome) {
  request.hops = static_cast<uint16_t>(ask.hops + 1);
  const auto errand = std::make_shared<Errand>(tree, std::move(request), std::move(outcome));
  if (ask.as_root) return Read(errand);
  Send(errand);
}

void Upstream::Send(const ErrandPtr& errand) {
  const tree::Forest& forest = context_.parts.forest;
  while (const auto step = forest.StepUp(context_.options.self, errand->tree, errand->step)) {
    errand->request.as_root = step->as_root;
    if (context_.watch.MayAsk(step->rank)) return Call(step->rank, errand);
    ++errand->step;
    errand->repeats = 0;
  }
  Read(errand);
}

void Upstream::Call(Rank rank, const ErrandPtr& errand) {
  context_.parts.counters.Count(Event::kRequestsToParent);
  errand->deadline = context_.SourceDeadline();
  context_.watch.Call(
      rank, errand->request, DoingOf(errand->request.kind), errand->deadline,
      [this, rank, errand](Result<rpc::Reply> outcome) { OnOutcome(rank, errand, std::move(outcome)); });
}

void Upstream::OnOutcome(Rank rank, const ErrandPtr& errand, Result<rpc::Reply> outcome) {
  if (IsTheEnd(outcome)) return errand->outcome.reply(rpc::ErrorReply(outcome.error()));
  const int error = ErrorOfWay(outcome);
  if (error == 0) return errand->outcome.reply(*std::move(outcome));
  OnFailure(rank, errand, error);
}

// The source's time is over for those who waited first; the fabric has an ETIMEDOUT of its own.
bool Upstream::IsOver(const Errand& errand, int error) const {
  return error == ETIMEDOUT && errand.deadline - context_.Now() <= kRounding;
}

void Upstream::OnFailure(Rank rank, const ErrandPtr& errand, int error) {
  if (IsOver(*errand, error)) {
    if (errand->outcome.is_wanted()) return Send(errand);
    return errand->outcome.reply(rpc::ErrorReply({ETIMEDOUT, {}}));
  }
  if (error == ENOMSG && errand->repeats++ < kRepeats) return Send(errand);
  const bool is_there = error == EAGAIN || error == ENOMSG;
  if (!is_there) context_.watch.Doubt(rank);
  SendElsewhere(errand);
}

void Upstream::SendElsewhere(const ErrandPtr& errand) {
  ++errand->step;
  errand->repeats = 0;
  Send(errand);
}

void Upstream::Read(const ErrandPtr& errand) {
  const rpc::Request& request = errand->request;
  const bool is_root = context_.parts.forest.Root(errand->tree) == context_.options.self;
  if (!is_root) context_.parts.counters.Count(Event::kDetours);
  Executor& pool = is_root ? context_.parts.pool : context_.parts.detour;
  pool.Submit([wait = context_.Waiting(DoingOf(request.kind), request.path),
               read = std::move(errand->outcome.read)]() mutable { read(); });
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

bool Upstream::OnTick() {
  const bool needed = context_.watch.OnTick();
  TellNews();
  return needed;
}

std::string Upstream::Describe(std::optional<Rank> rank) const {
  if (!rank) return "the source";
  const auto& host_of = context_.options.host_of;
  return "rank " + std::to_string(*rank) + (host_of ? " on " + host_of(*rank) : "");
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

void Upstream::TellNews() const {
  for (const auto& [whom, news] : context_.watch.TakeNews()) {
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
  for (const auto& [whom, wait] : context_.watch.LongWaits(most)) {
    all.push_back({std::string(Name(wait.doing)), wait.path, Describe(whom), now - wait.since});
  }
  std::ranges::sort(all, std::greater{}, &Fetcher::LongWait::waited);
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace copper::fetch
