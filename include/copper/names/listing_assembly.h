// Puts the pieces of one packed listing together, in whatever order they come. Any thread.
#pragma once

#include <cstring>
#include <optional>
#include <utility>

#include "copper/base/bytes.h"
#include "copper/base/chunk_size.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"

namespace copper {

class ListingAssembly {
 public:
  // Takes all of the memory at once; throws std::bad_alloc. None where `first`, the first piece, is all of it and alone
  // in its memory: it is kept then.
  ListingAssembly(size_t size, const Bytes& first)
      : size_(size),
        buffer_(Pieces(size) == 1 && first.charge() == size ? Buffer() : Buffer::Allocate(size)),
        missing_(Pieces(size)) {}

  static uint64_t Pieces(uint64_t size) { return (size + kChunkSize - 1) / kChunkSize; }

  // The whole once the last piece is there; an error (the first) once.
  std::optional<Result<Bytes>> Add(uint64_t piece, const Result<Bytes>& bytes) {
    const MutexLock lock(mutex_);
    if (missing_ == 0) return std::nullopt;
    const size_t offset = piece * kChunkSize;
    if (!bytes || bytes->size() != std::min(kChunkSize, size_ - offset)) {
      missing_ = 0;
      return bytes ? Fail(EBADMSG) : std::unexpected(bytes.error());
    }
    if (buffer_) std::memcpy(buffer_.data() + offset, bytes->data(), bytes->size());
    if (--missing_ != 0) return std::nullopt;
    return buffer_ ? std::move(buffer_).Freeze(size_) : *bytes;
  }

  // Nothing more is to be added. False if it was complete, or abandoned, before.
  bool Abandon() {
    const MutexLock lock(mutex_);
    return std::exchange(missing_, 0) != 0;
  }

 private:
  const size_t size_;
  Mutex mutex_;
  Buffer buffer_ GUARDED_BY(mutex_);
  uint64_t missing_ GUARDED_BY(mutex_);
};

}  // namespace copper
