#include "copper/job/rpc_reducer.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "copper/base/attempt.h"
#include "copper/base/awaited.h"

namespace copper::job {
namespace {

using profile::Profile;
using profile::ProfileStream;

// What the rank below the leader has; each level has less, so that a rank can answer while it is still waited for.
constexpr auto kBudget = std::chrono::seconds(56);
constexpr auto kPerLevel = std::chrono::seconds(2);
// How long a rank may say nothing before it is asked whether it is there, and how long it may take to say so.
constexpr auto kSilence = std::chrono::seconds(1);

// Whoever leads asks all ranks at once: one that is not asked within this will never be.
constexpr auto kToBeAsked = std::chrono::seconds(15);

// The number of a piece that says: I have all of them.
constexpr uint32_t kAllTaken = UINT32_MAX;

// Tags whose profile was taken, for whoever follows: it follows the last one.
constexpr size_t kMostTags = 64;

rpc::Request MessageOf(const ReductionId& id, uint32_t piece) {
  rpc::Request request;
  request.kind = rpc::Kind::kReduce;
  request.path = "/" + id.tag;
  request.argument = uint64_t{id.number} << 32 | piece;
  request.argument2 = id.leader;
  return request;
}

// A request under way, and whoever waits for its reply.
class Pending {
 public:
  Pending(const RpcReducer::Parts& parts, Rank to, rpc::Request request, TimePoint deadline)
      : reply_(std::make_shared<Awaited<Result<rpc::Reply>>>(parts.wakeups)) {
    parts.channel.Call(to, std::move(request), deadline,
                       [reply = reply_](Result<rpc::Reply> answer) { reply->Set(std::move(answer)); });
  }

  // Whether it is there by then.
  bool WaitUntil(TimePoint until) { return reply_->WaitUntil(until); }
  // Once.
  Result<rpc::Reply> Take() {
    reply_->WaitUntil(kNever);  // the channel has its deadline
    return reply_->Take();
  }

 private:
  std::shared_ptr<Awaited<Result<rpc::Reply>>> reply_;
};

}  // namespace

// What this rank gives to whoever asks for it: to each all of it, in its own time.
struct RpcReducer::Session {
  struct Taker {
    std::optional<ProfileStream> stream;
    uint32_t next = 0;  // the piece that comes next
    Bytes last;         // and the one before it
    // Asks for a piece while there is none yet.
    std::unique_ptr<rpc::Responder> waiting;
    uint32_t wanted = 0;
  };
  std::optional<Profile> merged;  // once all below have been heard
  std::map<Rank, Taker> takers;
  uint64_t begun = 0;  // as which of all

  // ESTALE: this is not the next one, nor the last again, nor the first.
  rpc::Reply Piece(Taker& taker, uint32_t number) const {
    if (number == 0) {
      taker.stream.emplace(*merged);
      taker.next = 0;
    }
    if (number + 1 == taker.next) return {.payload = taker.last};
    std::optional<Bytes> piece = number == taker.next && taker.stream ? taker.stream->Next() : std::nullopt;
    if (!piece) return {.error = ESTALE};
    ++taker.next;
    taker.last = *std::move(piece);
    return {.payload = taker.last};
  }
};

// Asks one rank for its pieces, the next one while the last is being merged.
class RpcReducer::Pull {
 public:
  Pull(const Parts& parts, Rank from, const ReductionId& id, TimePoint deadline)
      : parts_(parts), from_(from), id_(id), deadline_(deadline) {
    AskForNext();
  }

  Rank from() const { return from_; }

  Result<Bytes> Next() {
    while (!pending_->WaitUntil(parts_.clock.Now() + kSilence)) {
      if (!IsThere()) return Fail(EHOSTDOWN, "it does not answer");
    }
    Result<rpc::Reply> reply = pending_->Take();
    if (!reply) return std::unexpected(reply.error());
    if (reply->error != 0) return Fail(reply->error);
    const bool is_end = reply->payload.size() == 1;
    if (!is_end) AskForNext();
    return std::move(reply->payload);
  }

  void Confirm() {
    parts_.channel.Call(from_, MessageOf(id_, kAllTaken), parts_.clock.Now() + kSilence,
                        [](const Result<rpc::Reply>&) {});
  }

 private:
  void AskForNext() { pending_.emplace(parts_, from_, MessageOf(id_, piece_++), deadline_); }

  bool IsThere() const {
    rpc::Request ping;
    ping.kind = rpc::Kind::kPing;
    return Pending(parts_, from_, ping, parts_.clock.Now() + kSilence).Take().has_value();
  }

  const Parts& parts_;
  const Rank from_;
  const ReductionId id_;
  const TimePoint deadline_;
  uint32_t piece_ = 0;
  std::optional<Pending> pending_;
};

RpcReducer::RpcReducer(Rank self, Parts parts, Own own)
    : self_(self),
      parts_(parts),
      own_(std::move(own)),
      everyone_(parts.forest.ranks(), parts.forest.fanout(), parts.forest.ranks()),
      changed_(parts.wakeups.Make()) {}

RpcReducer::~RpcReducer() = default;

Duration RpcReducer::Budget(Rank leader) const {
  return std::max<Duration>(kBudget - kPerLevel * everyone_.Depth(self_, leader), kPerLevel);
}

void RpcReducer::Handle(Rank from, const rpc::Request& request, rpc::Responder respond) {
  const auto piece = static_cast<uint32_t>(request.argument);
  const ReductionId id{request.path.substr(std::min<size_t>(1, request.path.size())), request.argument2,
                       static_cast<uint32_t>(request.argument >> 32)};
  if (id.leader >= everyone_.ranks() || id.leader == self_) return respond({.error = EINVAL});
  if (piece == kAllTaken) {
    Taken(from, id);
    return respond({});
  }
  MutexLock lock(mutex_);
  const auto held = sessions_.find(id);
  const bool is_new = held == sessions_.end();
  const std::shared_ptr<Session> session = is_new ? Begin(id) : held->second;
  if (!session) {
    lock.Unlock();
    return respond({.error = EBUSY});
  }
  Session::Taker& taker = session->takers[from];
  if (session->merged) {
    rpc::Reply reply = session->Piece(taker, piece);
    lock.Unlock();
    return respond(std::move(reply));
  }
  // Where it has asked before, that is forgotten, and its answer would be lost.
  const auto before = std::exchange(taker.waiting, std::make_unique<rpc::Responder>(std::move(respond)));
  taker.wanted = piece;
  lock.Unlock();
  if (!is_new) return;
  parts_.workers.Submit([this, id, session] { Collect(id, session); });
  changed_->Wake();
}

std::shared_ptr<RpcReducer::Session> RpcReducer::Begin(const ReductionId& id) {
  if (sessions_.size() >= kMostSessions) {
    auto oldest = sessions_.end();
    for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
      const bool is_older = oldest == sessions_.end() || it->second->begun < oldest->second->begun;
      if (it->second->merged && is_older) oldest = it;
    }
    if (oldest == sessions_.end()) return nullptr;
    sessions_.erase(oldest);
  }
  const auto session = std::make_shared<Session>();
  session->begun = ++begun_;
  sessions_.emplace(id, session);
  return session;
}

size_t RpcReducer::sessions() {
  const MutexLock lock(mutex_);
  return sessions_.size();
}

void RpcReducer::Collect(const ReductionId& id, const std::shared_ptr<Session>& session) {
  Profile mine = own_(id.tag);
  Gather(mine, id, parts_.clock.Now() + Budget(id.leader));
  std::vector<std::pair<std::unique_ptr<rpc::Responder>, rpc::Reply>> answers;
  {
    const MutexLock lock(mutex_);
    session->merged = std::move(mine);
    for (auto& [rank, taker] : session->takers) {
      if (taker.waiting) answers.emplace_back(std::move(taker.waiting), session->Piece(taker, taker.wanted));
    }
  }
  for (auto& [waiting, reply] : answers) (*waiting)(std::move(reply));
}

void RpcReducer::Gather(Profile& into, const ReductionId& id, TimePoint deadline) {
  std::deque<Pull> pulls;  // all ranks below begin at once; their profiles are merged one after the other
  const auto ask = [&](Rank above) {
    for (const Rank rank : Below(above, id.leader)) pulls.emplace_back(parts_, rank, id, deadline);
  };
  ask(self_);
  for (; !pulls.empty(); pulls.pop_front()) {
    Pull& pull = pulls.front();
    const Status merged = Attempt([&] { return profile::MergeStream(into, [&pull] { return pull.Next(); }); });
    if (merged) {
      pull.Confirm();
      continue;
    }
    parts_.log.Warning("no profile from rank {}: {}; asking those below it", pull.from(), merged.error().Describe());
    ask(pull.from());
  }
}

std::vector<Rank> RpcReducer::Below(Rank rank, Rank leader) const {
  std::vector<Rank> living;
  std::vector<Rank> above{rank};
  while (!above.empty()) {
    const std::vector<Rank> children = everyone_.Children(above.back(), leader);
    above.pop_back();
    for (const Rank child : children) (parts_.losses.Contains(child) ? above : living).push_back(child);
  }
  return living;
}

void RpcReducer::Taken(Rank by, const ReductionId& id) {
  std::map<Rank, Session::Taker>::node_type taken;  // goes when the lock is gone: one that waits is answered then
  {
    const MutexLock lock(mutex_);
    const auto held = sessions_.find(id);
    if (held != sessions_.end()) taken = held->second->takers.extract(by);
    if (taken.empty()) return;
    if (held->second->takers.empty()) sessions_.erase(held);
    taken_tags_.push_back(id.tag);
    if (taken_tags_.size() > kMostTags) taken_tags_.pop_front();
  }
  changed_->Wake();
}

Status RpcReducer::Reduce(std::optional<Profile>& profile, TimePoint deadline) {
  ReductionId id{profile->tag, self_, 0};
  {
    const MutexLock lock(mutex_);
    id.number = ++last_;
  }
  Gather(*profile, id, deadline);
  return {};
}

template <class IsSo>
bool RpcReducer::WaitUntil(TimePoint until, IsSo is_so) {
  const auto is_so_now = [&] {
    const MutexLock lock(mutex_);
    return is_so();
  };
  while (!is_so_now()) {
    if (!changed_->WaitUntil(until)) return is_so_now();
  }
  return true;
}

Status RpcReducer::Follow(std::optional<Profile>& profile, TimePoint deadline) {
  const std::string tag = profile->tag;
  const auto session = [&]() REQUIRES(mutex_) {
    return std::ranges::find_if(sessions_, [&](const auto& one) { return one.first.tag == tag; });
  };
  const auto taken = [&]() REQUIRES(mutex_) { return std::ranges::find(taken_tags_, tag) != taken_tags_.end(); };
  const auto asked = [&]() REQUIRES(mutex_) { return session() != sessions_.end() || taken(); };
  const TimePoint first = std::min(deadline, parts_.clock.Now() + kToBeAsked);
  if (WaitUntil(first, asked) && WaitUntil(deadline, taken)) {
    profile.reset();
    return {};
  }
  const MutexLock lock(mutex_);
  if (const auto mine = session(); mine != sessions_.end() && mine->second->merged) profile = *mine->second->merged;
  return Fail(ETIMEDOUT, "nobody took this rank's profile in time");
}

}  // namespace copper::job
