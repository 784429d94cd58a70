#include "app/ending.h"

#include "app/ending_messages.h"
#include "app/first_ranks.h"
#include "copper/wire/header.h"

namespace copper::app {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(2);  // of an order, a report, the word to go
// From its order on, a rank without children has this long to unmount and report (the mounter gives up after 10 s);
// each level above has longer, by more than it takes to find out that a child is lost and to order its children.
constexpr auto kLeaveTime = std::chrono::seconds(11);
constexpr auto kLeaveTimePerLevel = std::chrono::seconds(3);
// How much longer than the root's time a rank waits for the word to go.
constexpr auto kGoTime = std::chrono::seconds(6);
constexpr unsigned kDeathShift = 32;  // kLeft's argument: ranks that have left, and whether one was told of a death

bool IsClosing(const Result<rpc::Reply>& reply) {
  return !reply && reply.error().code == ESHUTDOWN;
}

bool IsTaken(const Result<rpc::Reply>& reply) {
  return reply && reply->error == 0;
}

rpc::Reply ReplyWith(int error) {
  return {.error = error, .version = {}, .payload = {}};
}

}  // namespace

Ending::Ending(Rank self, JobParts parts, Hooks hooks) : self_(self), parts_(parts), hooks_(std::move(hooks)) {}

Duration Ending::TimeToReport(Rank rank) const {
  return kLeaveTime + kLeaveTimePerLevel * (parts_.forest.MaxDepth() - parts_.forest.Depth(rank, 0));
}

void Ending::Handle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  if (request.kind == rpc::Kind::kLeft) {
    OnLeft(from, request, std::move(respond));
  } else {
    OnStop(from, request, std::move(respond));
  }
}

void Ending::OnStop(Rank from, const rpc::Request& request, rpc::Responder respond) {
  switch (WordOf(request)) {
    case StopWord::kPlease:
      respond({});
      return Conduct(ReasonOf(request), from);
    case StopWord::kNow: {
      const bool taken = TakeOrder(ReasonOf(request), AskedByOf(request), from, ConductorOf(request));
      respond(ReplyWith(taken ? 0 : EALREADY));
      if (taken) SpreadBelow(self_);
      return;
    }
    case StopWord::kGo:
      respond({});
      return Go(request.argument2 != 0, /*alone=*/false);
  }
  respond(ReplyWith(EINVAL));
}

void Ending::Request(StopReason reason) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kServing) return;
    phase_ = Phase::kBegun;
    begun_ = parts_.clock.Now();
  }
  SendWish(reason, 0);
  parts_.loop.Submit([this, reason] { hooks_.begin(reason, self_); });
}

// To the next of the first ranks that answers; this one conducts, where that is itself or there is none.
void Ending::SendWish(StopReason reason, size_t next) {
  const std::vector<Rank> firsts = FirstRanks(parts_.forest.ranks());
  if (next >= firsts.size() || firsts[next] == self_) return Conduct(reason, self_);
  const Rank to = firsts[next];
  parts_.channel.Call(to, StopMessage(StopWord::kPlease, 0, PackReason(reason, self_)),
                      parts_.clock.Now() + kAnswerTime, [this, reason, to, next](const Result<rpc::Reply>& reply) {
                        if (IsTaken(reply) || IsClosing(reply)) return;
                        parts_.log.Warning("rank {} does not answer the wish to end", to);
                        SendWish(reason, next + 1);
                      });
}

void Ending::Conduct(StopReason reason, Rank asked_by) {
  if (!TakeOrder(reason, asked_by, std::nullopt, self_)) return;
  SpreadBelow(self_);
  Spread(parts_.forest.Root(0));
}

bool Ending::TakeOrder(StopReason reason, Rank asked_by, std::optional<Rank> superior, Rank conductor) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ >= Phase::kOrdered) return false;
    if (phase_ == Phase::kServing) begun_ = parts_.clock.Now();
    phase_ = Phase::kOrdered;
    reason_ = reason;
    asked_by_ = asked_by;
    superior_ = superior;
    conductor_ = conductor;
  }
  parts_.loop.Submit([this, reason, asked_by] { hooks_.begin(reason, asked_by); });
  return true;
}

bool Ending::conducts() const {
  const std::lock_guard lock(mutex_);
  return phase_ >= Phase::kOrdered && !superior_;
}

void Ending::SpreadBelow(Rank rank) {
  for (const Rank child : parts_.forest.Children(rank, 0)) Spread(child);
}

// The lost get their order too: a rank that was only slow, or frozen, learns that the job has ended.
void Ending::Spread(Rank to) {
  if (to == self_) return;  // it has ordered its children when it took its own order
  const bool lost = parts_.losses.Contains(to);
  SendOrder(to, /*spread_below_if_lost=*/!lost);
  if (lost) SpreadBelow(to);
}

void Ending::SendOrder(Rank to, bool spread_below_if_lost) {
  rpc::Request order;
  {
    const std::lock_guard lock(mutex_);
    awaited_.try_emplace(to, kNever);
    order = StopMessage(StopWord::kNow, conductor_, PackReason(reason_, asked_by_));
  }
  parts_.channel.Call(to, std::move(order), parts_.clock.Now() + kAnswerTime,
                      [this, to, spread_below_if_lost](const Result<rpc::Reply>& reply) {
                        if (!IsClosing(reply)) OnOrderAnswer(to, spread_below_if_lost, reply);
                      });
}

void Ending::OnOrderAnswer(Rank to, bool spread_below_if_lost, const Result<rpc::Reply>& reply) {
  const bool has_another = reply && reply->error == EALREADY;
  const bool lost = !IsTaken(reply) && !has_another;
  if (lost) parts_.log.Warning("rank {} does not answer the order to end", to);
  if (lost && spread_below_if_lost) SpreadBelow(to);  // before it is not awaited any more
  {
    const std::lock_guard lock(mutex_);
    const auto awaited = awaited_.find(to);
    if (awaited != awaited_.end()) {  // else its report has overtaken the answer
      if (IsTaken(reply)) {
        awaited->second = parts_.clock.Now() + TimeToReport(to);
      } else {
        awaited_.erase(awaited);
        if (lost) lost_.insert(to);
      }
    }
  }
  CheckWhetherAllLeft();
}

void Ending::Left(bool unmounted) {
  {
    const std::lock_guard lock(mutex_);
    left_ = true;
    if (!unmounted) still_mounted_.insert(self_);
  }
  CheckWhetherAllLeft();
}

void Ending::OnLeft(Rank from, const rpc::Request& request, rpc::Responder respond) {
  respond({});
  bool gone = false;
  {
    const std::lock_guard lock(mutex_);
    if (!reported_.insert(from).second) return;
    awaited_.erase(from);
    lost_.erase(from);
    count_ += static_cast<uint32_t>(request.argument);
    death_below_ = death_below_ || (request.argument >> kDeathShift) != 0;
    const Remarks remarks = UnpackRemarks(request.path, parts_.forest.ranks());
    lost_.insert(remarks.lost.begin(), remarks.lost.end());
    still_mounted_.insert(remarks.still_mounted.begin(), remarks.still_mounted.end());
    served_below_ += UnpackServed(request.path);
    gone = phase_ == Phase::kGone;
  }
  if (gone) {
    SendGo(from, /*whole=*/false);
  } else {
    CheckWhetherAllLeft();
  }
}

void Ending::OnTick() {
  bool overdue = false;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = parts_.clock.Now();
    for (auto it = awaited_.begin(); it != awaited_.end();) {
      const auto next = std::next(it);
      if (it->second <= now) {
        parts_.log.Warning("rank {} does not come to the end", it->first);
        lost_.insert(it->first);
        awaited_.erase(it);
      }
      it = next;
    }
    const bool begun = phase_ != Phase::kServing && phase_ != Phase::kGone;
    overdue = begun && now > begun_ + TimeToReport(parts_.forest.Root(0)) + kGoTime;
  }
  if (overdue) return Go(/*whole=*/false, /*alone=*/true);
  CheckWhetherAllLeft();
}

void Ending::CheckWhetherAllLeft() {
  std::optional<Rank> superior;
  bool whole = false;
  {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::kOrdered || !left_ || !awaited_.empty()) return;
    phase_ = Phase::kReported;
    superior = superior_;
    whole = count_ + 1 == parts_.forest.ranks() && !death_below_ && !parts_.losses.death();
  }
  if (superior) {
    Report(*superior);
  } else {
    Go(whole, /*alone=*/false);
  }
}

void Ending::Report(Rank to) {
  rpc::Request report;
  Served served = hooks_.served();
  Rank conductor = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool death = death_below_ || parts_.losses.death();
    report.kind = rpc::Kind::kLeft;
    report.argument = (count_ + 1) | (death ? uint64_t{1} << kDeathShift : 0);
    served += served_below_;
    report.path = PackLeft(served, {lost_, still_mounted_});
    conductor = conductor_;
  }
  parts_.channel.Call(to, std::move(report), parts_.clock.Now() + kAnswerTime,
                      [this, to, conductor](const Result<rpc::Reply>& reply) {
                        if (IsTaken(reply) || IsClosing(reply)) return;
                        parts_.log.Warning("rank {}, which gave the order to end, does not answer any more", to);
                        if (to == conductor) return Go(/*whole=*/false, /*alone=*/true);
                        Report(conductor);
                      });
}

void Ending::Go(bool whole, bool alone) {
  std::vector<Rank> waiting;
  Served served = hooks_.served();
  {
    const std::lock_guard lock(mutex_);
    if (phase_ < Phase::kBegun || phase_ == Phase::kGone) return;
    const bool conducted = phase_ >= Phase::kOrdered && !superior_;
    phase_ = Phase::kGone;
    served += served_below_;
    end_ = {.whole = whole && !parts_.losses.death(),
            .alone = alone,
            .conducted = conducted,
            .lost = lost_,
            .still_mounted = still_mounted_,
            .served = served};
    waiting.assign(reported_.begin(), reported_.end());
    for (const auto& [rank, until] : awaited_) waiting.push_back(rank);
    going_ = waiting.size() + 1;
  }
  for (const Rank rank : waiting) SendGo(rank, whole);
  OnGoAnswer();
}

// This rank itself goes when all have answered, or can't: its parts must not stop before the word has left.
void Ending::SendGo(Rank to, bool whole) {
  parts_.channel.Call(to, StopMessage(StopWord::kGo, 0, whole ? 1 : 0), parts_.clock.Now() + kAnswerTime,
                      [this](const Result<rpc::Reply>& reply) {
                        if (!IsClosing(reply)) OnGoAnswer();
                      });
}

void Ending::OnGoAnswer() {
  {
    const std::lock_guard lock(mutex_);
    if (going_ == 0 || --going_ != 0) return;
  }
  parts_.loop.Submit([this] { hooks_.go(end_); });
}

}  // namespace copper::app
