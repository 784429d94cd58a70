#include "rpc/peer.h"

#include <algorithm>

namespace copper::rpc {
namespace {

// What asks whether the peer is there must not wait for what it has not answered.
bool NeedsNoCredit(const Pending& pending) {
  return pending.header.kind == Kind::kPing;
}

}  // namespace

void Peer::Add(Pending&& pending) {
  const std::lock_guard lock(mutex_);
  pending.header.request_id = uint64_t{rank_} << 32 | next_id_++;
  if (NeedsNoCredit(pending)) {
    queue_.push_front(std::move(pending));
  } else {
    queue_.push_back(std::move(pending));
  }
}

bool Peer::ClaimSending() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(sending_, true);
}

std::optional<Outgoing> Peer::NextToSend() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || (under_way_.size() >= credits_ && !NeedsNoCredit(queue_.front()))) {
    sending_ = false;
    return std::nullopt;
  }
  // What fails for want of memory fails here, with the request in the queue.
  if (under_way_.size() >= under_way_.bucket_count()) under_way_.reserve(2 * under_way_.size() + 1);
  Pending& next = queue_.front();
  next.header.sequence = sequence_++;
  Outgoing outgoing{next.header, next.path, next.deadline};
  under_way_.emplace(next.header.request_id, std::move(next));
  queue_.pop_front();
  return outgoing;
}

Pending Peer::TakeNext() {
  const std::lock_guard lock(mutex_);
  Pending next = std::move(queue_.front());
  queue_.pop_front();
  return next;
}

std::optional<Pending> Peer::Finish(uint64_t request_id, std::optional<uint16_t> credits) {
  const std::lock_guard lock(mutex_);
  auto node = under_way_.extract(request_id);
  if (node.empty()) return std::nullopt;
  // With no credits at all nothing would ever come back to bring new ones.
  if (credits) credits_ = std::max<uint32_t>(*credits, 1);
  return std::move(node.mapped());
}

std::vector<Pending> Peer::TakeExpired(TimePoint now) {
  std::vector<Pending> expired;
  const std::lock_guard lock(mutex_);
  for (auto it = under_way_.begin(); it != under_way_.end();) {
    const auto next = std::next(it);
    if (it->second.deadline <= now) expired.push_back(std::move(under_way_.extract(it).mapped()));
    it = next;
  }
  std::deque<Pending> live;
  for (Pending& pending : queue_) {
    if (pending.deadline <= now) {
      expired.push_back(std::move(pending));
    } else {
      live.push_back(std::move(pending));
    }
  }
  queue_ = std::move(live);
  return expired;
}

std::vector<Pending> Peer::TakeAll() {
  std::vector<Pending> all;
  const std::lock_guard lock(mutex_);
  all.reserve(under_way_.size() + queue_.size());
  for (auto& [id, pending] : under_way_) all.push_back(std::move(pending));
  std::ranges::move(queue_, std::back_inserter(all));
  under_way_.clear();
  queue_.clear();
  return all;
}

uint32_t Peer::NextSequence() {
  const std::lock_guard lock(mutex_);
  return sequence_++;
}

bool Peer::BeginServing(uint32_t limit) {
  const std::lock_guard lock(mutex_);
  if (serving_ >= limit) return false;
  ++serving_;
  return true;
}

void Peer::EndServing() {
  const std::lock_guard lock(mutex_);
  --serving_;
}

Peer& PeerTable::Get(Rank rank) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto it = peers_.find(rank); it != peers_.end()) return *it->second;
  }
  const std::unique_lock lock(mutex_);
  std::unique_ptr<Peer>& peer = peers_[rank];
  if (!peer) peer = std::make_unique<Peer>(rank, credits_);
  return *peer;
}

std::vector<Peer*> PeerTable::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<Peer*> all;
  all.reserve(peers_.size());
  for (const auto& [rank, peer] : peers_) all.push_back(peer.get());
  return all;
}

}  // namespace copper::rpc
