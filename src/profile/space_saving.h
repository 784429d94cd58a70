// One sketch of the paths with the most events, as one thread fills it: Space-Saving (see top_paths.h). A path that is
// new when the sketch is full takes the place, and the count, of the one with the fewest events. So each path's count
// is at least the true one and too high by at most its `excess`; and each path with more than 1/capacity of all events
// is in it. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "copper/profile/profile.h"
#include "path_table.h"

namespace copper::profile {

class SpaceSaving {
 public:
  explicit SpaceSaving(uint32_t top_n);
  SpaceSaving(const SpaceSaving&) = delete;  // its index looks into its rows

  // One event more of this path.
  void Add(std::string_view path, const PathUse& use);
  // Most events first.
  std::vector<TopPath> Rows() const;

 private:
  size_t Place(std::string_view path);  // index of the path's row, which is made if need be
  void SinkDown(size_t position);
  void Swap(size_t one, size_t other);
  uint64_t EventsAt(size_t position) const { return rows_[heap_[position]].events; }

  const size_t capacity_;
  std::deque<TopPath> rows_;                                        // at most capacity_; they stay where they are
  std::unordered_map<std::string_view, size_t, PathHash> indices_;  // by rows_[i].path
  std::vector<size_t> heap_;                                        // indices of rows, fewest events first
  std::vector<size_t> positions_;                                   // of each row in it
};

}  // namespace copper::profile
