#include "storage/file_system_numbers.h"

#include <algorithm>

#include "copper/base/hash.h"
#include "copper/names/attributes.h"

namespace copper::storage {
namespace {

bool ComesFirst(const FileSystemNumbers::Entry& a, const FileSystemNumbers::Entry& b) {
  if (a.shared != b.shared) return a.shared;
  return a.mount.point < b.mount.point;
}

// The one that keeps its own inode numbers, of entries in their order.
const FileSystemNumbers::Entry* Keeper(const std::vector<FileSystemNumbers::Entry>& entries) {
  const auto target = std::ranges::find_if(entries, &FileSystemNumbers::Entry::has_target);
  const bool others = !entries.empty() && entries.front().shared;
  if (target == entries.end() || (!target->shared && others)) return others ? &entries.front() : nullptr;
  return &*target;
}

}  // namespace

FileSystemNumbers::FileSystemNumbers(std::vector<Entry> entries) {
  std::ranges::sort(entries, ComesFirst);
  if (const Entry* const keeper = Keeper(entries)) numbers_[KeyOf(keeper->mount)] = 0;
  for (const Entry& entry : entries) {
    const Key key = KeyOf(entry.mount);
    if (numbers_.contains(key)) continue;
    uint64_t number = Hash(entry.mount.point) & kOwnFileSystem;
    while (IsTaken(static_cast<uint32_t>(number))) number = Hash(number) & kOwnFileSystem;
    numbers_[key] = static_cast<uint32_t>(number);
  }
}

bool FileSystemNumbers::IsTaken(uint32_t number) const {
  return number == 0 || number == kOwnFileSystem ||
         std::ranges::any_of(numbers_, [&](const auto& known) { return known.second == number; });
}

uint32_t FileSystemNumbers::Of(const Mount& mount) const {
  const auto known = numbers_.find(KeyOf(mount));
  return known == numbers_.end() ? 0 : known->second;
}

}  // namespace copper::storage
