// Strings of any bytes, one after the other, each behind its length (64 bits: all ranks run the same program on the
// same kind of machine).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "copper/base/result.h"

namespace copper::bootstrap {

class FieldWriter {
 public:
  FieldWriter& Add(std::string_view field) {
    const uint64_t length = field.size();
    encoded_.append(reinterpret_cast<const char*>(&length), sizeof length);
    encoded_ += field;
    return *this;
  }
  std::string Take() { return std::move(encoded_); }

 private:
  std::string encoded_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view encoded) : rest_(encoded) {}

  // Empty, and `ok()` false from then on, where there is no whole field left.
  std::string Next() {
    uint64_t length = 0;
    ok_ = ok_ && rest_.size() >= sizeof length;
    if (!ok_) return {};
    std::memcpy(&length, rest_.data(), sizeof length);
    rest_.remove_prefix(sizeof length);
    ok_ = length <= rest_.size();
    if (!ok_) return {};
    const std::string field(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return field;
  }
  bool ok() const { return ok_; }
  // Whether all has been read, and nothing was missing.
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace copper::bootstrap
