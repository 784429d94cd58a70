#include "copper/rpc/watch.h"

#include <cerrno>
#include <utility>

namespace copper::rpc {

Watch::Watch(Channel& channel, const Clock& clock, const Patience& patience)
    : channel_(channel), clock_(clock), patience_(patience), source_(clock, patience.worth_telling) {}

Watch::Watched& Watch::Of(Rank rank) {
  const MutexLock lock(mutex_);
  std::unique_ptr<Watched>& watched = watched_[rank];
  if (!watched) watched = std::make_unique<Watched>(rank, clock_, patience_);
  return *watched;
}

std::vector<Watch::Watched*> Watch::All() const {
  std::vector<Watched*> all;
  const MutexLock lock(mutex_);
  for (const auto& [rank, watched] : watched_) all.push_back(watched.get());
  return all;
}

bool Watch::MayAsk(Rank rank) {
  Watched& watched = Of(rank);
  if (!watched.liveness.IsLost()) return true;
  watched.liveness.Want();
  return false;
}

bool Watch::IsLost(Rank rank) const {
  const MutexLock lock(mutex_);
  const auto watched = watched_.find(rank);
  return watched != watched_.end() && watched->second->liveness.IsLost();
}

void Watch::Call(Rank rank, Request request, Doing doing, TimePoint deadline, Channel::Done done) {
  Watched& watched = Of(rank);
  Channel::Done ended = [this, &watched, wait = watched.waits.Begin(doing, request.path),
                         done = std::move(done)](Result<Reply> outcome) mutable {
    {
      const WaitList::Token over = std::move(wait);
    }
    if (outcome) watched.liveness.OnAnswer(clock_.Now());
    done(std::move(outcome));
  };
  channel_.Call(rank, std::move(request), deadline, std::move(ended));
}

void Watch::Doubt(Rank rank) {
  Watched& watched = Of(rank);
  watched.liveness.OnFailure();
  Probe(watched);
}

bool Watch::OnTick() {
  bool needed = !source_.empty();
  for (Watched* const watched : All()) {
    Probe(*watched);
    needed = watched->liveness.NeedsTicks() || !watched->waits.empty() || needed;
  }
  return needed;
}

void Watch::Probe(Watched& watched) {
  const TimePoint now = clock_.Now();
  if (!watched.liveness.TakeProbe(now, watched.waits.LastOld(patience_.old))) return;
  channel_.Inquire(watched.rank, patience_.old, now + patience_.probe,
                   [this, &watched](const Result<Reply>& answer) { OnProbe(watched, answer); });
}

void Watch::OnProbe(Watched& watched, const Result<Reply>& answer) {
  if (!answer && answer.error().code == ESHUTDOWN) return;  // this channel's end
  const Liveness::News news = watched.liveness.OnProbe(answer.has_value(), clock_.Now());
  if (news != Liveness::News::kNone && listener_) listener_(watched.rank, news == Liveness::News::kLost);
  if (!watched.liveness.IsLost()) return;
  channel_.GiveUp(watched.rank);  // also what was sent there while it was being found lost
  channel_.WantTicks();
}

std::vector<Watch::News> Watch::TakeNews() {
  std::vector<News> news;
  const auto take = [&](WaitList& waits, std::optional<Rank> whom) {
    for (WaitList::News& one : waits.TakeNews()) news.push_back({whom, std::move(one)});
  };
  take(source_, std::nullopt);
  for (Watched* const watched : All()) take(watched->waits, watched->rank);
  return news;
}

std::vector<Watch::LongWait> Watch::LongWaits(size_t most) const {
  std::vector<LongWait> all;
  const auto add = [&](const WaitList& waits, std::optional<Rank> whom) {
    for (WaitList::Wait& wait : waits.Longest(patience_.worth_telling, most)) all.push_back({whom, std::move(wait)});
  };
  add(source_, std::nullopt);
  for (const Watched* const watched : All()) add(watched->waits, watched->rank);
  return all;
}

}  // namespace copper::rpc
