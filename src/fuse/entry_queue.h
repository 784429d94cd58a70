// The order in which files were entered into the inode table: a doubly linked list through its entries.
#pragma once

#include <cstddef>
#include <cstdint>

#include "node.h"

namespace copper::fuse {

class EntryQueue;

// A node, as the kernel knows it.
struct KnownEntry {
  NodePtr node;
  uint64_t lookups = 0;
  size_t charge = 0;
  bool was_read = false;
  bool was_taken = false;  // and has not been entered since
  uint64_t directory = 0;  // the node that it is counted in, as one of its `children`
  size_t children = 0;
  uint64_t suspected = 0;  // since this refresh it may be another file of the same version; 0: it is not suspected

  EntryQueue* queue = nullptr;  // that it stands in, if any
  KnownEntry* older = nullptr;
  KnownEntry* newer = nullptr;
};

// Entries don't move while they stand in it. Not thread-safe; the caller (InodeTable) locks.
class EntryQueue {
 public:
  void Append(KnownEntry& entry);
  void Remove(KnownEntry& entry);
  KnownEntry* oldest() const { return oldest_; }
  size_t size() const { return size_; }

 private:
  KnownEntry* oldest_ = nullptr;
  KnownEntry* newest_ = nullptr;
  size_t size_ = 0;
};

}  // namespace copper::fuse
