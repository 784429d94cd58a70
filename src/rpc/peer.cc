#include "rpc/peer.h"

#include <algorithm>

namespace copper::rpc {
namespace {

// What asks whether the peer is there must not wait for what it has not answered.
bool NeedsNoCredit(const Pending& pending) {
  return pending.header.kind == Kind::kPing;
}

// How long it takes is the source's affair; whatever else ranks say to each other has a deadline that is meant.
bool IsOfTheSource(Kind kind) {
  return kind == Kind::kLook || kind == Kind::kList || kind == Kind::kRead || kind == Kind::kSeek;
}

}  // namespace

void Peer::Add(Pending&& pending) {
  const MutexLock lock(mutex_);
  pending.header.request_id = uint64_t{rank_} << 32 | next_id_++;
  if (NeedsNoCredit(pending)) {
    queue_.push_front(std::move(pending));
  } else {
    queue_.push_back(std::move(pending));
  }
}

bool Peer::ClaimSending() {
  const MutexLock lock(mutex_);
  return !std::exchange(sending_, true);
}

bool Peer::MaySend(const Pending& next) const {
  if (NeedsNoCredit(next)) return true;
  return under_way_.size() - parked_ < credits_ && under_way_.size() < size_t{kMostPerCredit} * credits_;
}

std::optional<Outgoing> Peer::NextToSend(TimePoint now) {
  const MutexLock lock(mutex_);
  if (queue_.empty() || !MaySend(queue_.front())) {
    sending_ = false;
    return std::nullopt;
  }
  Pending& next = queue_.front();
  next.sent = now;
  Outgoing outgoing{next.header, next.path, next.deadline};
  under_way_.emplace(next.header.request_id, std::move(next));
  queue_.pop_front();
  return outgoing;
}

std::optional<Pending> Peer::Extract(uint64_t request_id) {
  auto node = under_way_.extract(request_id);
  if (node.empty()) return std::nullopt;
  if (node.mapped().parked) --parked_;
  return std::move(node.mapped());
}

std::optional<Pending> Peer::Finish(uint64_t request_id, std::optional<uint16_t> credits) {
  const MutexLock lock(mutex_);
  std::optional<Pending> pending = Extract(request_id);
  // With no credits at all nothing would ever come back to bring new ones.
  if (pending && credits) credits_ = std::max<uint32_t>(*credits, 1);
  return pending;
}

std::vector<uint64_t> Peer::SentBy(TimePoint sent) {
  std::vector<uint64_t> ids;
  const MutexLock lock(mutex_);
  for (const auto& [id, pending] : under_way_) {
    if (pending.sent <= sent && IsOfTheSource(pending.header.kind)) ids.push_back(id);
  }
  return ids;
}

void Peer::Park(uint64_t request_id) {
  const MutexLock lock(mutex_);
  const auto it = under_way_.find(request_id);
  if (it == under_way_.end() || std::exchange(it->second.parked, true)) return;
  ++parked_;
}

std::vector<Pending> Peer::TakeExpired(TimePoint now) {
  std::vector<Pending> expired;
  const MutexLock lock(mutex_);
  for (auto it = under_way_.begin(); it != under_way_.end();) {
    const auto next = std::next(it);
    if (it->second.deadline <= now) expired.push_back(*Extract(uint64_t{it->first}));
    it = next;
  }
  std::erase_if(queue_, [&](Pending& pending) {
    if (pending.deadline > now) return false;
    expired.push_back(std::move(pending));
    return true;
  });
  return expired;
}

std::vector<Pending> Peer::TakeAll() {
  std::vector<Pending> all;
  const MutexLock lock(mutex_);
  all.reserve(under_way_.size() + queue_.size());
  for (auto& [id, pending] : under_way_) all.push_back(std::move(pending));
  std::ranges::move(queue_, std::back_inserter(all));
  under_way_.clear();
  parked_ = 0;
  queue_.clear();
  return all;
}

uint64_t Peer::NextSequence() {
  const MutexLock lock(mutex_);
  return sequence_++;
}

bool Peer::TakeOnce(uint64_t sequence) {
  const MutexLock lock(mutex_);
  return came_.Take(sequence);
}

Peer::Admission Peer::BeginServing(uint64_t request_id, uint32_t limit) {
  const MutexLock lock(mutex_);
  if (serving_.contains(request_id)) return Admission::kKnown;
  if (serving_.size() >= limit) return Admission::kFull;
  serving_.insert(request_id);
  return Admission::kTaken;
}

void Peer::EndServing(uint64_t request_id) {
  const MutexLock lock(mutex_);
  serving_.erase(request_id);
}

std::vector<std::byte> Peer::AreServed(const std::vector<uint64_t>& request_ids) {
  std::vector<std::byte> bits((request_ids.size() + 7) / 8);
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < request_ids.size(); ++i) {
    if (serving_.contains(request_ids[i])) bits[i / 8] |= std::byte{1} << (i % 8);
  }
  return bits;
}

Peer& PeerTable::Get(Rank rank) {
  {
    const ReaderLock lock(mutex_);
    if (const auto it = peers_.find(rank); it != peers_.end()) return *it->second;
  }
  const WriterLock lock(mutex_);
  std::unique_ptr<Peer>& peer = peers_[rank];
  if (!peer) peer = std::make_unique<Peer>(rank, credits_);
  return *peer;
}

std::vector<Peer*> PeerTable::All() const {
  const ReaderLock lock(mutex_);
  std::vector<Peer*> all;
  all.reserve(peers_.size());
  for (const auto& [rank, peer] : peers_) all.push_back(peer.get());
  return all;
}

}  // namespace copper::rpc
