// Bytes that are filled once and then shared: chunks of files, packed listings.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace copper {

class Bytes;

// A writable run of memory with one owner. From 64 KiB on it is page aligned, so that the kernel can map it away again.
class Buffer {
 public:
  Buffer() = default;
  static Buffer Allocate(size_t size);
  // Memory of somebody else's making, given back with the last reference.
  Buffer(std::shared_ptr<std::byte> memory, size_t size) : data_(std::move(memory)), size_(size) {}

  Buffer(Buffer&&) = default;
  Buffer& operator=(Buffer&&) = default;

  std::byte* data() const { return data_.get(); }
  size_t size() const { return size_; }
  explicit operator bool() const { return data_ != nullptr; }

  // Ends writing: the first `used` bytes become shareable, without a copy.
  Bytes Freeze(size_t used) &&;

 private:
  std::shared_ptr<std::byte> data_;
  size_t size_ = 0;
};

// An immutable run of bytes; copies and slices share its memory. Any thread.
class Bytes {
 public:
  Bytes() = default;
  static Bytes Copy(std::span<const std::byte> source);
  // `size` zero bytes. All of them share one page-cached block up to kChunkSize, so that holes cost nothing.
  static Bytes Zeros(size_t size);

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> span() const { return {data_, size_}; }
  // Cut to what is there: a slice that begins past the end is empty.
  Bytes Slice(size_t offset, size_t length) const;
  // The memory that is freed with the last copy (0 for zeros, which are shared by all).
  size_t charge() const { return charge_; }
  // Whether there are other copies or slices now.
  bool IsShared() const { return owner_.use_count() > 1; }

 private:
  friend class Buffer;
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t charge_ = 0;
};

bool IsZero(std::span<const std::byte> bytes);

}  // namespace copper
