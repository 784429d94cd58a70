// Reads a range of an open file.
#pragma once

#include "copper/base/bytes.h"
#include "copper/base/chunk_allocator.h"
#include "copper/base/result.h"

namespace copper::storage {

struct Filled {
  Buffer buffer;
  size_t size = 0;
};

// Up to `length` bytes from `offset` on; fewer only where the file gives no more. A source that gives less at a time
// than it is asked for is asked for the rest.
Result<Filled> ReadFully(ChunkAllocator& chunks, int fd, uint64_t offset, size_t length);

// A hole, or as good as one, costs no memory.
Bytes Share(Filled filled);

}  // namespace copper::storage
