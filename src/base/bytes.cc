#include "copper/base/bytes.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "copper/base/chunk_size.h"

namespace copper {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kAlignFrom = size_t{64} << 10;

}  // namespace

Buffer Buffer::Allocate(size_t size) {
  const size_t alignment = size >= kAlignFrom ? kPage : alignof(std::max_align_t);
  const size_t rounded = std::max(alignment, (size + alignment - 1) / alignment * alignment);
  auto* const memory = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
  if (memory == nullptr) throw std::bad_alloc();
  return {std::shared_ptr<std::byte>(memory, [](std::byte* data) { std::free(data); }), size};
}

Bytes Buffer::Freeze(size_t used) && {
  Bytes bytes;
  bytes.data_ = data_.get();
  bytes.size_ = std::min(used, size_);
  bytes.charge_ = size_;
  bytes.owner_ = std::move(data_);
  size_ = 0;
  return bytes;
}

Bytes Bytes::Copy(std::span<const std::byte> source) {
  Buffer buffer = Buffer::Allocate(source.size());
  std::ranges::copy(source, buffer.data());
  return std::move(buffer).Freeze(source.size());
}

Bytes Bytes::Zeros(size_t size) {
  alignas(kPage) static constexpr std::byte kZeros[kChunkSize] = {};
  if (size > kChunkSize) {
    Buffer buffer = Buffer::Allocate(size);
    std::fill_n(buffer.data(), size, std::byte{0});
    return std::move(buffer).Freeze(size);
  }
  Bytes bytes;
  bytes.data_ = kZeros;
  bytes.size_ = size;
  return bytes;
}

Bytes Bytes::Slice(size_t offset, size_t length) const {
  Bytes slice = *this;
  offset = std::min(offset, size_);
  slice.data_ = data_ + offset;
  slice.size_ = std::min(length, size_ - offset);
  return slice;
}

bool IsZero(std::span<const std::byte> bytes) {
  // Compares the run with itself, one byte further: memcmp is vectorised, and stops at the first difference.
  return bytes.empty() ||
         (bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace copper
