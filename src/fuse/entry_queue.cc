#include "entry_queue.h"

namespace copper::fuse {

void EntryQueue::Append(KnownEntry& entry) {
  entry.queue = this;
  entry.older = newest_;
  entry.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &entry;
  newest_ = &entry;
  ++size_;
}

void EntryQueue::Remove(KnownEntry& entry) {
  (entry.older != nullptr ? entry.older->newer : oldest_) = entry.newer;
  (entry.newer != nullptr ? entry.newer->older : newest_) = entry.older;
  entry.queue = nullptr;
  entry.older = entry.newer = nullptr;
  --size_;
}

}  // namespace copper::fuse
