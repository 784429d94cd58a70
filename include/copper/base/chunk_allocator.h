// Memory for whole chunks: halves of 2 MiB slabs that the kernel may back with huge pages.
//
// Filling a fresh MiB costs 335 us with 4 KiB pages, nearly all of it page faults, and 36 us with huge ones (measured); a
// node that receives at some GB/s does little else. A slab goes back to the kernel when both halves are free; a free half is
// used before a new slab is made, so at most one half is idle per chunk that is held, and usually one in all.
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
