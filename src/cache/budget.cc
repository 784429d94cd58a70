#include "copper/cache/budget.h"

#include <utility>

#include "copper/base/chunk_size.h"

namespace copper::cache {
namespace {

// Most of what waits are whole chunks.
constexpr size_t kRetryRoom = kChunkSize;

}  // namespace

void Budget::MakeRoom(size_t more) {
  if (Fits(more)) return;
  const MutexLock lock(evicting_);
  while (!Fits(more)) {
    EvictionQueue* oldest = nullptr;
    uint64_t oldest_use = UINT64_MAX;
    for (EvictionQueue* const queue : queues_) {
      const std::optional<uint64_t> use = queue->OldestUse();
      if (!use || *use >= oldest_use) continue;
      oldest = queue;
      oldest_use = *use;
    }
    if (oldest == nullptr) return;
    oldest->EvictOldest();
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = other.bytes_;
  depth_ = other.depth_;
  return *this;
}

void Reservation::Release() {
  if (Budget* const budget = std::exchange(budget_, nullptr)) budget->Release(bytes_, depth_);
}

void Budget::Reserve(size_t bytes, uint32_t depth, Granted granted) {
  MakeRoom(bytes);
  Reservation room;
  {
    const MutexLock lock(mutex_);
    Depth& mine = depths_[depth];
    if (!mine.waiting.empty() || (!Fits(bytes) && mine.under_way > 0)) {
      mine.waiting.push_back({bytes, std::move(granted)});
      ++waiting_;
      return;
    }
    room = Admit(depth, mine, bytes);
  }
  granted(std::move(room));
}

Reservation Budget::Admit(uint32_t number, Depth& depth, size_t bytes) {
  ++depth.under_way;
  Hold(bytes);
  return {*this, bytes, number};
}

void Budget::Release(size_t bytes, uint32_t depth) {
  Drop(bytes);
  {
    const MutexLock lock(mutex_);
    --depths_[depth].under_way;
    if (waiting_ == 0) return;
  }
  Retry();
}

// One thread at a time calls out, so that a fetch that fails at once, and releases, makes a loop and no recursion.
bool Budget::Retry() {
  MakeRoom();  // what was in use when there was too much may be free now
  {
    const MutexLock lock(mutex_);
    if (waiting_ == 0) return false;
    if (granting_) return true;
    granting_ = true;
  }
  while (std::optional<Grant> next = TakeGrantable()) next->granted(std::move(next->room));
  const MutexLock lock(mutex_);
  return waiting_ > 0;
}

std::optional<Budget::Grant> Budget::TakeGrantable() {
  MakeRoom(kRetryRoom);
  const MutexLock lock(mutex_);
  for (auto& [number, depth] : depths_) {
    if (depth.waiting.empty()) continue;
    if (!Fits(depth.waiting.front().bytes) && depth.under_way > 0) continue;
    Waiting next = std::move(depth.waiting.front());
    depth.waiting.pop_front();
    --waiting_;
    return Grant{std::move(next.granted), Admit(number, depth, next.bytes)};
  }
  granting_ = false;
  return std::nullopt;
}

}  // namespace copper::cache
