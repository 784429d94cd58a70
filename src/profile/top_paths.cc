#include "top_paths.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace copper::profile {
namespace {

// What a path that is not kept may have had.
uint64_t Unseen(const std::vector<TopPath>& top, size_t capacity) {
  if (top.size() < capacity || top.empty()) return 0;
  return std::ranges::min(top, {}, &TopPath::events).events;
}

}  // namespace

void SortTop(std::vector<TopPath>& rows) {
  std::ranges::sort(rows, [](const TopPath& a, const TopPath& b) {
    return a.events != b.events ? a.events > b.events : a.path < b.path;
  });
}

void MergeTop(std::vector<TopPath>& into, std::vector<TopPath> other, uint32_t top_n) {
  const size_t capacity = TopCapacity(top_n);
  const uint64_t unseen_here = Unseen(into, capacity);
  const uint64_t unseen_there = Unseen(other, capacity);
  std::unordered_map<std::string_view, TopPath*> theirs;
  for (TopPath& row : other) theirs.emplace(row.path, &row);
  for (TopPath& row : into) {
    const auto it = theirs.find(row.path);
    row.events += it == theirs.end() ? unseen_there : it->second->events;
    row.excess += it == theirs.end() ? unseen_there : it->second->excess;
    if (it == theirs.end()) continue;
    row.use.Merge(it->second->use);
    theirs.erase(it);
  }
  for (auto& [path, row] : theirs) {
    into.push_back(*row);
    into.back().events += unseen_here;
    into.back().excess += unseen_here;
  }
  SortTop(into);
  if (into.size() > capacity) into.resize(capacity);
}

}  // namespace copper::profile
