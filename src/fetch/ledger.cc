#include "ledger.h"

#include <algorithm>
#include <cerrno>

namespace copper::fetch {
namespace {

// With what maps and allocator take for them.
constexpr size_t kSealSize = 80;
size_t SizeOf(const Ledger::Key& file) {
  return 2 * file.path.size() + 400;
}

}  // namespace

Ledger::Entry& Ledger::Open(const Key& file) {
  const auto [entry, is_new] = entries_.try_emplace(file);
  if (is_new) {
    order_.push_back(file);
    budget_.Hold(SizeOf(file));
  }
  return entry->second;
}

uint64_t Ledger::Begin(const Key& file) {
  const std::lock_guard lock(mutex_);
  const uint64_t comparisons = Open(file).comparisons;
  Bound();
  return comparisons;
}

Ledger::Noted Ledger::Note(const Key& file, uint64_t chunk, const Seal& seal, const FileTime& ctime, uint64_t begun) {
  const std::lock_guard lock(mutex_);
  Entry& entry = Open(file);
  if (entry.comparisons != begun) return Noted::kAgain;
  const auto [known, is_new] = entry.seals.try_emplace(chunk, seal);
  if (is_new) {
    ++seals_;
    budget_.Hold(kSealSize);
  }
  if (known->second != seal) return Noted::kChanged;
  return entry.settled == ctime ? Noted::kSettled : Noted::kAsk;
}

void Ledger::Settle(const Key& file, const FileTime& ctime) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = entries_.find(file); entry != entries_.end()) entry->second.settled = ctime;
}

bool Ledger::SettleFirst(const Key& file, const FileTime& ctime) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(file);
  if (entry == entries_.end()) return false;
  if (!entry->second.settled) entry->second.settled = ctime;
  return entry->second.settled == ctime;
}

std::optional<std::vector<std::pair<uint64_t, Seal>>> Ledger::BeginComparison(const Key& file) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(file);
  if (entry == entries_.end()) return std::nullopt;
  ++entry->second.comparisons;
  return std::vector<std::pair<uint64_t, Seal>>(entry->second.seals.begin(), entry->second.seals.end());
}

void Ledger::Forget(const std::string& top) {
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (IsAtOrBelow(entry->first.path, top)) Erase(entry);
    entry = next;
  }
  std::erase_if(order_, [&](const Key& file) { return !entries_.contains(file); });
}

void Ledger::Erase(Entries::iterator entry) {
  seals_ -= entry->second.seals.size();
  budget_.Drop(SizeOf(entry->first) + kSealSize * entry->second.seals.size());
  entries_.erase(entry);
}

void Ledger::Bound() {
  while (order_.size() > 1 && (entries_.size() > kMostFiles || seals_ > kMostSeals)) {
    const auto oldest = entries_.find(order_.front());
    order_.pop_front();
    if (oldest != entries_.end()) Erase(oldest);
  }
}

}  // namespace copper::fetch
