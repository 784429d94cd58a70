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

void Budget::Reserve(size_t bytes, uint32_t depth, Granted granted) {
  MakeRoom(bytes);
  {
    const MutexLock lock(mutex_);
    Depth& mine = depths_[depth];
    if (!mine.waiting.empty() || (!Fits(bytes) && mine.under_way > 0)) {
      mine.waiting.push_back({bytes, std::move(granted)});
      ++waiting_;
      return;
    }
    Admit(mine, bytes);
  }
  granted();
}

void Budget::Admit(Depth& depth, size_t bytes) {
  ++depth.under_way;
  Hold(bytes);
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
  while (Granted granted = TakeGrantable()) granted();
  const MutexLock lock(mutex_);
  return waiting_ > 0;
}

Budget::Granted Budget::TakeGrantable() {
  MakeRoom(kRetryRoom);
  const MutexLock lock(mutex_);
  for (auto& [number, depth] : depths_) {
    if (depth.waiting.empty()) continue;
    if (!Fits(depth.waiting.front().bytes) && depth.under_way > 0) continue;
    Waiting next = std::move(depth.waiting.front());
    depth.waiting.pop_front();
    --waiting_;
    Admit(depth, next.bytes);
    return std::move(next.granted);
  }
  granting_ = false;
  return nullptr;
}

}  // namespace copper::cache
