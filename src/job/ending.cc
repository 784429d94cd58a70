#include "copper/job/ending.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "job/ending_messages.h"
#include "job/first_ranks.h"

namespace copper::job {
namespace {

constexpr auto kAnswerTime = std::chrono::seconds(2);  // of an order, a report, the word to go, "are you there"
// Silent so often in a row, a rank that was to report is given up.
constexpr int kMostSilent = 2;
// What is ordered past one silent rank at once, but for the last level; and when that is all there may be.
constexpr size_t kMostAtOnce = 256;
constexpr int64_t kMostDoublings = 16;
// How old the end is, since somebody was asked for it, when what is still awaited is given up. A rank without children
// has the first time: it may need 11 s to unmount (the mounter's patience and its session's), and 3 s for the order to
// come. The root of a tree has the second, and those in between share what lies between them.
constexpr auto kLeafReportsBy = std::chrono::seconds(14);
constexpr auto kRootReportsBy = std::chrono::seconds(20);
// Without the word to go a rank ends alone: the rest of 30 s is for its last words.
constexpr auto kGoesBy = std::chrono::seconds(24);
constexpr unsigned kDeathShift = 32;  // kLeft's argument: ranks that have left, and whether one was told of a death

bool IsClosing(const Result<rpc::Reply>& reply) {
  return !reply && reply.error().code == ESHUTDOWN;
}

bool IsTaken(const Result<rpc::Reply>& reply) {
  return reply && reply->error == 0;
}

rpc::Request Ping() {
  rpc::Request ping;
  ping.kind = rpc::Kind::kPing;
  return ping;
}

rpc::Reply ReplyWith(int error) {
  return {.error = error, .version = {}, .payload = {}};
}

}  // namespace

Ending::Ending(Rank self, JobParts parts, Hooks hooks) : self_(self), parts_(parts), hooks_(std::move(hooks)) {}

Duration Ending::ReportsBy(Rank rank) const {
  const uint32_t deepest = parts_.forest.MaxDepth();
  if (deepest == 0) return kRootReportsBy;
  const uint32_t above = deepest - parts_.forest.Depth(rank, 0);
  return kLeafReportsBy + Duration(kRootReportsBy - kLeafReportsBy) * above / deepest;
}

Duration Ending::Age() const {
  const MutexLock lock(mutex_);
  return parts_.clock.Now() - begun_;
}

rpc::Request Ending::Ageing(rpc::Request message) const {
  SetAge(message, Age());
  return message;
}

void Ending::Handle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  if (request.kind == rpc::Kind::kLeft) {
    OnLeft(from, request, std::move(respond));
  } else {
    OnStop(from, request, std::move(respond));
  }
}

void Ending::OnStop(Rank from, const rpc::Request& request, rpc::Responder respond) {
  const TimePoint begun = parts_.clock.Now() - AgeOf(request);
  switch (WordOf(request)) {
    case StopWord::kPlease:
      respond({});
      return ConductSince(begun, ReasonOf(request), from);
    case StopWord::kNow: {
      const bool taken = TakeOrder(begun, ReasonOf(request), AskedByOf(request), from, ConductorOf(request));
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
    const MutexLock lock(mutex_);
    if (phase_ != Phase::kServing) return;
    phase_ = Phase::kBegun;
    begun_ = parts_.clock.Now();
  }
  SendWish(reason);
  parts_.loop.Submit([this, reason] { hooks_.begin(reason, self_); });
}

// Whom to ask to conduct, where rank 0 does not answer: which of the deputies do.
struct Ending::Wish {
  StopReason reason;
  std::vector<Rank> firsts;  // those that were not tried yet
  Mutex mutex{};
  std::set<Rank> there GUARDED_BY(mutex){};
  size_t asked GUARDED_BY(mutex) = 0;  // who has not answered yet
};

void Ending::SendWish(StopReason reason) {
  const auto wish = std::make_shared<Wish>(reason, FirstRanks(parts_.forest.ranks()));
  SendWishTo(wish, {wish->firsts.front()});
}

// To the first of the first ranks that is there; this one conducts, where that is itself or there is none.
void Ending::SendWishTo(const std::shared_ptr<Wish>& wish, const std::set<Rank>& there) {
  const auto first = std::ranges::find_if(wish->firsts, [&](Rank rank) { return there.contains(rank); });
  if (first == wish->firsts.end() || *first == self_) return Conduct(wish->reason, self_);
  const Rank to = *first;
  wish->firsts.erase(wish->firsts.begin(), first + 1);
  parts_.channel.Call(to, Ageing(StopMessage(StopWord::kPlease, 0, PackReason(wish->reason, self_))),
                      parts_.clock.Now() + kAnswerTime, [this, to, wish](const Result<rpc::Reply>& reply) {
                        if (IsTaken(reply) || IsClosing(reply)) return;
                        parts_.log.Warning("rank {} does not answer the wish to end", to);
                        parts_.losses.Note(to, true);
                        FindDeputy(wish);
                      });
}

void Ending::FindDeputy(const std::shared_ptr<Wish>& wish) {
  const std::vector<Rank> firsts = wish->firsts;
  if (firsts.empty()) return SendWishTo(wish, {});
  {
    const MutexLock lock(wish->mutex);
    wish->there.clear();
    wish->asked = firsts.size();
  }
  for (const Rank rank : firsts) {
    const auto on_answer = [this, rank, wish](bool is_there) {
      std::set<Rank> there;
      {
        const MutexLock lock(wish->mutex);
        if (is_there) wish->there.insert(rank);
        if (--wish->asked != 0) return;
        there = wish->there;
      }
      SendWishTo(wish, there);
    };
    if (rank == self_) {
      on_answer(true);
      continue;
    }
    parts_.channel.Call(rank, Ping(), parts_.clock.Now() + kAnswerTime, [on_answer](const Result<rpc::Reply>& reply) {
      if (!IsClosing(reply)) on_answer(IsTaken(reply));
    });
  }
}

void Ending::Conduct(StopReason reason, Rank asked_by) {
  ConductSince(parts_.clock.Now(), reason, asked_by);
}

void Ending::ConductSince(TimePoint begun, StopReason reason, Rank asked_by) {
  if (!TakeOrder(begun, reason, asked_by, std::nullopt, self_)) return;
  SpreadBelow(self_);
  Spread(parts_.forest.Root(0));
}

bool Ending::TakeOrder(TimePoint begun, StopReason reason, Rank asked_by, std::optional<Rank> superior,
                       Rank conductor) {
  {
    const MutexLock lock(mutex_);
    if (phase_ >= Phase::kOrdered) return false;
    begun_ = phase_ == Phase::kServing ? begun : std::min(begun_, begun);
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
  const MutexLock lock(mutex_);
  return phase_ >= Phase::kOrdered && !superior_;
}

void Ending::SpreadBelow(Rank rank, uint32_t levels) {
  std::vector<Rank> level{rank};
  for (size_t all = 0; levels > 0 && !level.empty() && all < kMostAtOnce; --levels) {
    std::vector<Rank> below;
    for (const Rank above : level) {
      const std::vector<Rank> children = parts_.forest.Children(above, 0);
      below.insert(below.end(), children.begin(), children.end());
    }
    for (const Rank to : below) Spread(to);
    all += below.size();
    level = std::move(below);
  }
}

// The lost get their order too: a rank that was only slow, or frozen, learns that the job has ended.
void Ending::Spread(Rank to) {
  if (to == self_) return;  // it has ordered its children when it took its own order
  {
    const MutexLock lock(mutex_);
    if (!ordered_.insert(to).second) return;
    awaited_.try_emplace(to);
  }
  const bool is_lost = parts_.losses.Contains(to);
  SendOrder(to);
  if (is_lost) SpreadBelow(to);
}

uint32_t Ending::LevelsPastTheSilent() const {
  const auto waits = std::max<int64_t>(Age() / kAnswerTime, 1);
  return waits > kMostDoublings ? UINT32_MAX : uint32_t{1} << (waits - 1);
}

void Ending::SendOrder(Rank to) {
  rpc::Request order;
  {
    const MutexLock lock(mutex_);
    order = StopMessage(StopWord::kNow, conductor_, PackReason(reason_, asked_by_));
  }
  parts_.channel.Call(to, Ageing(std::move(order)), parts_.clock.Now() + kAnswerTime,
                      [this, to](const Result<rpc::Reply>& reply) {
                        if (!IsClosing(reply)) OnOrderAnswer(to, reply);
                      });
}

void Ending::OnOrderAnswer(Rank to, const Result<rpc::Reply>& reply) {
  const bool has_another = reply && reply->error == EALREADY;
  const bool lost = !IsTaken(reply) && !has_another;
  if (lost) {
    parts_.log.Warning("rank {} does not answer the order to end", to);
    parts_.losses.Note(to, true);
    SpreadBelow(to, LevelsPastTheSilent());  // before it is not awaited any more
  }
  {
    const MutexLock lock(mutex_);
    const auto awaited = awaited_.find(to);
    if (awaited != awaited_.end()) {  // else its report has overtaken the answer
      if (IsTaken(reply)) {
        awaited->second.until = begun_ + ReportsBy(to);
      } else {
        awaited_.erase(awaited);
        if (lost) lost_.insert(to);
      }
    }
  }
  CheckWhetherAllLeft();
}

bool Ending::Presence::Note(bool is_there) {
  is_asked = false;
  silent = is_there ? 0 : silent + 1;
  return silent >= kMostSilent;
}

void Ending::AskWhetherThere(Rank to) {
  parts_.channel.Call(to, Ping(), parts_.clock.Now() + kAnswerTime, [this, to](const Result<rpc::Reply>& reply) {
    if (!IsClosing(reply)) OnWhetherThere(to, IsTaken(reply));
  });
}

// Below one that is lost there may be who has not been ordered yet.
void Ending::OnWhetherThere(Rank rank, bool is_there) {
  bool is_superior = false;
  {
    const MutexLock lock(mutex_);
    is_superior = superior_ == rank;
    const auto awaited = awaited_.find(rank);
    if (!is_superior && (awaited == awaited_.end() || !awaited->second.presence.Note(is_there))) return;
  }
  if (is_superior) return OnWhetherSuperiorIsThere(is_there);
  parts_.log.Warning("rank {} has taken the order to end, and is not there any more", rank);
  parts_.losses.Note(rank, true);
  SpreadBelow(rank);
  {
    const MutexLock lock(mutex_);
    if (awaited_.erase(rank) != 0) lost_.insert(rank);
  }
  CheckWhetherAllLeft();
}

// The conductor then sends the word to this rank itself.
void Ending::OnWhetherSuperiorIsThere(bool is_there) {
  Rank conductor = 0;
  {
    const MutexLock lock(mutex_);
    if (phase_ != Phase::kReported || superior_ == conductor_ || !superiors_.Note(is_there)) return;
    parts_.log.Warning("rank {}, which gave the order to end, is not there any more", *superior_);
    superior_ = conductor_;
    conductor = conductor_;
  }
  Report(conductor, /*again=*/true);
}

void Ending::Left(bool unmounted) {
  {
    const MutexLock lock(mutex_);
    left_ = true;
    if (!unmounted) still_mounted_.insert(self_);
  }
  CheckWhetherAllLeft();
}

void Ending::OnLeft(Rank from, const rpc::Request& request, rpc::Responder respond) {
  respond({});
  bool gone = false;
  {
    const MutexLock lock(mutex_);
    if (!reported_.insert(from).second) return;
    awaited_.erase(from);
    lost_.erase(from);
    parts_.losses.Note(from, false);
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
  std::vector<Rank> to_ask;
  {
    const MutexLock lock(mutex_);
    const TimePoint now = parts_.clock.Now();
    for (auto it = awaited_.begin(); it != awaited_.end();) {
      const auto next = std::next(it);
      Awaited& awaited = it->second;
      if (awaited.until <= now) {
        parts_.log.Warning("rank {} does not come to the end", it->first);
        lost_.insert(it->first);
        awaited_.erase(it);
      } else if (awaited.until != kNever && !std::exchange(awaited.presence.is_asked, true)) {
        to_ask.push_back(it->first);
      }
      it = next;
    }
    const bool waits = phase_ == Phase::kReported && superior_ && superior_ != conductor_;
    if (waits && !std::exchange(superiors_.is_asked, true)) to_ask.push_back(*superior_);
    const bool begun = phase_ != Phase::kServing && phase_ != Phase::kGone;
    overdue = begun && now > begun_ + kGoesBy;
  }
  if (overdue) return Go(/*whole=*/false, /*alone=*/true);
  for (const Rank rank : to_ask) AskWhetherThere(rank);
  CheckWhetherAllLeft();
}

void Ending::CheckWhetherAllLeft() {
  std::optional<Rank> superior;
  bool whole = false;
  {
    const MutexLock lock(mutex_);
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

void Ending::Report(Rank to, bool again) {
  rpc::Request report;
  Served served = again ? Served() : hooks_.served();
  Rank conductor = 0;
  {
    const MutexLock lock(mutex_);
    const bool death = death_below_ || parts_.losses.death();
    report.kind = rpc::Kind::kLeft;
    report.argument = (again ? 0 : count_ + 1) | (death ? uint64_t{1} << kDeathShift : 0);
    if (!again) served += served_below_;
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
    const MutexLock lock(mutex_);
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
    for (const auto& [rank, awaited] : awaited_) waiting.push_back(rank);
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
  JobEnd end;
  {
    const MutexLock lock(mutex_);
    if (going_ == 0) return;
    if (--going_ > 0) return;
    end = end_;
  }
  parts_.loop.Submit([this, end = std::move(end)] { hooks_.go(end); });
}

}  // namespace copper::job
