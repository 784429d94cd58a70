#include "storage/range.h"

#include <unistd.h>

#include "copper/base/attempt.h"
#include "copper/base/chunk_size.h"
#include "storage/retry.h"

namespace copper::storage {

Result<Filled> ReadFully(ChunkAllocator& chunks, int fd, uint64_t offset, size_t length) {
  Filled filled;
  const Status room = Attempt([&] { filled.buffer = chunks.Allocate(length); });
  if (!room) return std::unexpected(room.error());
  while (filled.size < length) {
    const ssize_t got = Retry([&] {
      return pread(fd, filled.buffer.data() + filled.size, length - filled.size,
                   static_cast<off_t>(offset + filled.size));
    });
    if (got < 0) return Fail(errno);
    if (got == 0) break;
    filled.size += static_cast<size_t>(got);
  }
  return filled;
}

Bytes Share(Filled filled) {
  const bool zero = filled.size <= kChunkSize && IsZero({filled.buffer.data(), filled.size});
  return zero ? Bytes::Zeros(filled.size) : std::move(filled.buffer).Freeze(filled.size);
}

}  // namespace copper::storage
