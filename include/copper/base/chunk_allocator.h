// Memory for whole chunks: halves of 2 MiB slabs, aligned so that the kernel may back them with huge pages.
//
// Most of what a fresh MiB costs are page faults: 335 us with 4 KiB pages, 36 us with huge ones (measured). Whether
// there are huge pages is left to the machine's policy (transparent_hugepage/enabled), not forced: on a virtual machine
// that had given its free memory back to the host, asking for them (MADV_HUGEPAGE) halved the speed of a 512 MiB read.
// A free half is used before a new slab is made, the last one that was freed first. Of slabs with both halves free a
// few are kept, since memory that was touched costs nothing to touch again; the others go back to the kernel.
#pragma once

#include <memory>

#include "copper/base/bytes.h"

namespace copper {

// Any thread. Buffers may outlive the allocator.
class ChunkAllocator {
 public:
  ChunkAllocator();
  ~ChunkAllocator();
  ChunkAllocator(const ChunkAllocator&) = delete;
  ChunkAllocator& operator=(const ChunkAllocator&) = delete;

  // `size` bytes, at most kChunkSize; smaller runs than three quarters of it come from the ordinary heap, right-sized.
  Buffer Allocate(size_t size);

 private:
  struct Slabs;
  std::shared_ptr<Slabs> slabs_;
};

}  // namespace copper
