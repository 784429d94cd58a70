// An input as the pieces of a stream: each behind its length, two bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "copper/base/bytes.h"

class Pieces {
 public:
  explicit Pieces(std::span<const uint8_t> input) : rest_(std::as_bytes(input)) {}
  std::optional<copper::Bytes> Next() {
    if (rest_.size() < 2) return std::nullopt;
    const size_t length = std::to_integer<size_t>(rest_[0]) | std::to_integer<size_t>(rest_[1]) << 8;
    rest_ = rest_.subspan(2);
    const auto piece = rest_.first(std::min(length, rest_.size()));
    rest_ = rest_.subspan(piece.size());
    return copper::Bytes::Copy(piece);
  }

 private:
  std::span<const std::byte> rest_;
};
