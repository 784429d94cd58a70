#include "path_table.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace copper::profile {

void PathTable::Add(std::string_view path, const PathUse& use) {
  Part& part = PartOf(path);
  const auto it = part.find(path);
  if (it != part.end()) return it->second.Merge(use);
  if (size_ >= most_) {
    ++left_out_;
    return;
  }
  part.emplace(path, use);
  ++size_;
}

void PathTable::Take(PathTable& other) {
  for (Part& part : other.parts_) {
    while (!part.empty()) {
      auto row = part.extract(part.begin());
      Part& mine = PartOf(row.key());
      if (const auto it = mine.find(row.key()); it != mine.end()) {
        it->second.Merge(row.mapped());
      } else if (size_ >= most_) {
        ++left_out_;
      } else {
        mine.insert(std::move(row));
        ++size_;
      }
    }
  }
  left_out_ += std::exchange(other.left_out_, 0);
  other.size_ = 0;
}

PathRun PathTable::InOrder() const {
  std::vector<const Part::value_type*> rows;
  rows.reserve(size_);
  for (const Part& part : parts_) {
    for (const auto& row : part) rows.push_back(&row);
  }
  std::ranges::sort(rows, {}, [](const auto* row) -> const std::string& { return row->first; });
  PathRun run;
  for (const auto* row : rows) run.Append(row->first, row->second);
  return run;
}

}  // namespace copper::profile
