#include "copper/cache/read_pattern.h"

#include <algorithm>

#include "copper/base/chunk_size.h"

namespace copper::cache {
namespace {

// Reads of one stream reach us out of order (the kernel has several under way), and jump over what was stored into the
// page cache ahead of them: both still count as following one another.
constexpr uint64_t kBackward = uint64_t{256} << 10;
constexpr uint64_t kForward = (ReadPattern::kMaxAhead + 2) * kChunkSize;
constexpr uint32_t kScatteredReadsOfAMapping = 2;

uint64_t ChunksOf(uint64_t size) {
  return (size + kChunkSize - 1) / kChunkSize;
}

}  // namespace

ReadPattern::Ahead ReadPattern::OnRead(uint64_t offset, uint64_t size) {
  const uint64_t end = offset + size;
  const Ahead all{0, ChunksOf(file_size_), true};
  const bool follows = offset + kBackward >= next_offset_ && offset <= next_offset_ + kForward;
  const bool first_of_file = offset == 0;
  next_offset_ = std::max(follows ? next_offset_ : 0, end);

  if (file_size_ <= kChunkSize) return end < file_size_ ? all : Ahead{};
  if (library_ && file_size_ <= kWholeLibrary) return all;
  if (first_of_file) return {};
  if (!follows) {
    window_ = 0;
    return ++scattered_ >= kScatteredReadsOfAMapping && file_size_ <= kWholeMapped ? all : Ahead{};
  }
  window_ = std::clamp<uint64_t>(window_ * 2, 1, kMaxAhead);
  const uint64_t first = (end - 1) / kChunkSize + 1;
  return {std::min(first, ChunksOf(file_size_)), std::min(first + window_, ChunksOf(file_size_)), false};
}

}  // namespace copper::cache
