#include "copper/cache/forget.h"

#include "copper/base/path.h"

namespace copper::cache {
namespace {

// Whether it says, still, that something is absent.
bool DeniesAt(TimePoint now, const PathEntry& entry) {
  return !entry.attributes && entry.valid_until > now;
}
bool DeniesAt(TimePoint now, const ListingEntry& entry) {
  return entry.listing && entry.listing->answers_absence() && entry.valid_until > now;
}
bool DeniesAt(TimePoint /*now*/, const ChunkEntry& /*entry*/) {
  return false;
}

// What was kept before this epoch, and is of `these` paths.
template <class Table, class These>
uint64_t ForgetIn(Table& table, Epoch epoch, TimePoint now, These these) {
  uint64_t denied = 0;
  table.EraseIf([&](const auto& key, const auto& value) {
    if (key.epoch >= epoch || !these(key.path)) return false;
    if (DeniesAt(now, value)) ++denied;
    return true;
  });
  return denied;
}

}  // namespace

uint64_t Forget(Cache& cache, const std::string& path, Epoch epoch, TimePoint now) {
  const auto below = [&](const std::string& one) { return IsAtOrBelow(one, path); };
  const auto listed_below = [&](const std::string& one) { return below(one) || one == ParentPath(path); };
  return ForgetIn(cache.metadata(), epoch, now, below) + ForgetIn(cache.listings(), epoch, now, listed_below) +
         ForgetIn(cache.data(), epoch, now, below);
}

}  // namespace copper::cache
