// Paths and what happened to them, in no order; some 230 bytes each. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "copper/base/hash.h"
#include "copper/profile/path_run.h"

namespace copper::profile {

// So that a table of strings can be asked for a view.
struct PathHash {
  using is_transparent = void;
  size_t operator()(std::string_view path) const { return Hash(path); }
};

class PathTable {
 public:
  // When it holds `most` paths, others are left out, and counted.
  explicit PathTable(size_t most = SIZE_MAX) : most_(most) {}

  void Add(std::string_view path, const PathUse& use);
  // Moves all rows of the other here.
  void Take(PathTable& other);
  size_t size() const { return size_; }
  uint64_t left_out() const { return left_out_; }  // each as often as it came
  PathRun InOrder() const;

 private:
  using Part = std::unordered_map<std::string, PathUse, PathHash, std::equal_to<>>;
  Part& PartOf(std::string_view path) { return parts_[Hash(path, 1) >> 60]; }

  std::array<Part, 16> parts_;  // so that none takes long to grow
  size_t most_;
  size_t size_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace copper::profile
