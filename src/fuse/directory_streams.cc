#include "directory_streams.h"

#include <algorithm>

namespace copper::fuse {

DirectoryPosition DirectoryStreams::Begin(fetch::Listed listed) {
  if (!kept_.empty() && kept_.back().listed.listing == listed.listing) {
    kept_.back().listed.valid_until = listed.valid_until;
  } else {
    if (kept_.size() == kKept) kept_.erase(kept_.begin());
    kept_.push_back({next_generation_, std::move(listed)});
    next_generation_ = (next_generation_ + 1) & 0x7fffffff;  // offsets are signed
  }
  return {kept_.back().listed, kept_.back().generation, 0};
}

std::optional<DirectoryPosition> DirectoryStreams::Continue(uint64_t offset) const {
  const auto generation = static_cast<uint32_t>(offset >> 32);
  const auto it = std::ranges::find(kept_, generation, &Kept::generation);
  if (it == kept_.end()) return std::nullopt;
  return DirectoryPosition{it->listed, generation, offset & 0xffffffff};
}

void DirectoryStreams::Expire() {
  for (Kept& kept : kept_) kept.listed.valid_until = TimePoint{};
}

}  // namespace copper::fuse
