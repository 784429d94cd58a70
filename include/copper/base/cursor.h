// Little-endian integers at any alignment, and two cursors over bytes: one writes, one reads and never leaves its
// bytes.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

namespace copper {

template <std::integral T>
void Put(std::byte* at, T value) {
  const auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(uint64_t{bits} >> (8 * i));
}

template <std::integral T>
T Get(const std::byte* at) {
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(T); ++i) bits |= std::to_integer<uint64_t>(at[i]) << (8 * i);
  return static_cast<T>(bits);
}

// The memory must hold all that is written.
class Writer {
 public:
  explicit Writer(std::byte* at) : at_(at) {}

  template <std::integral T>
  void Add(T value) {
    Put(at_, value);
    at_ += sizeof(T);
  }
  void AddText(std::string_view text) { at_ = std::ranges::copy(std::as_bytes(std::span(text)), at_).out; }

 private:
  std::byte* at_;
};

// After a read past the end `ok` is false, and everything reads as zero or empty.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  bool ok() const { return ok_; }
  size_t left() const { return left_.size(); }

  template <std::integral T>
  T Take() {
    const std::byte* at = Advance(sizeof(T));
    return at == nullptr ? T{} : Get<T>(at);
  }
  std::string_view TakeText(size_t size) {
    const std::byte* at = Advance(size);
    return at == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(at), size);
  }

 private:
  const std::byte* Advance(size_t size) {
    ok_ = ok_ && size <= left_.size();
    if (!ok_) return nullptr;
    const std::byte* at = left_.data();
    left_ = left_.subspan(size);
    return at;
  }

  std::span<const std::byte> left_;
  bool ok_ = true;
};

}  // namespace copper
