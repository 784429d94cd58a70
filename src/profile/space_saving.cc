#include "space_saving.h"

#include <algorithm>
#include <utility>

#include "top_paths.h"

namespace copper::profile {

SpaceSaving::SpaceSaving(uint32_t top_n) : capacity_(TopCapacity(top_n)) {
  heap_.reserve(capacity_);
  positions_.reserve(capacity_);
}

void SpaceSaving::Add(std::string_view path, const PathUse& use) {
  if (capacity_ == 0) return;
  const size_t index = Place(path);
  ++rows_[index].events;
  rows_[index].use.Merge(use);
  SinkDown(positions_[index]);
}

size_t SpaceSaving::Place(std::string_view path) {
  if (const auto it = indices_.find(path); it != indices_.end()) return it->second;
  if (rows_.size() < capacity_) {
    const size_t index = rows_.size();
    rows_.push_back({.path = std::string(path)});
    heap_.push_back(index);
    positions_.push_back(index);
    indices_.emplace(rows_.back().path, index);
    // Nothing has fewer events.
    for (size_t at = index; at > 0 && EventsAt((at - 1) / 2) > 0; at = (at - 1) / 2) Swap(at, (at - 1) / 2);
    return index;
  }
  const size_t index = heap_.front();
  TopPath& row = rows_[index];
  std::string taken(path);
  indices_.erase(row.path);
  row.path = std::move(taken);
  row.excess = row.events;
  row.use = {};
  indices_.emplace(row.path, index);
  return index;
}

void SpaceSaving::SinkDown(size_t position) {
  while (true) {
    size_t least = 2 * position + 1;
    if (least >= heap_.size()) return;
    if (least + 1 < heap_.size() && EventsAt(least + 1) < EventsAt(least)) ++least;
    if (EventsAt(least) >= EventsAt(position)) return;
    Swap(position, least);
    position = least;
  }
}

void SpaceSaving::Swap(size_t one, size_t other) {
  std::swap(heap_[one], heap_[other]);
  positions_[heap_[one]] = one;
  positions_[heap_[other]] = other;
}

std::vector<TopPath> SpaceSaving::Rows() const {
  std::vector<TopPath> rows(rows_.begin(), rows_.end());
  SortTop(rows);
  return rows;
}

}  // namespace copper::profile
