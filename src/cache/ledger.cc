#include "copper/cache/ledger.h"

#include <algorithm>
#include <cerrno>

#include "copper/base/path.h"

namespace copper::cache {
namespace {

// Enough for a TiB of chunks and a hundred thousand files; no more than a small part of the budget.
constexpr size_t kMost = size_t{160} << 20;
constexpr size_t kPart = 16;

// With what maps and allocator take for them.
constexpr size_t kSealSize = 80;
size_t SizeOf(const Ledger::Key& file) {
  return 2 * file.path.size() + 400;
}

}  // namespace

Ledger::Ledger(Budget& budget) : budget_(budget), most_(std::min<uint64_t>(kMost, budget.limit() / kPart)) {}

Ledger::Entry& Ledger::Open(const Key& file, const FileTime& ctime) {
  const auto [found, is_new] = entries_.try_emplace(file);
  Entry& entry = found->second;
  if (is_new) {
    entry.comparison = ++comparisons_;
    entry.may_lack = has_let_go_;
    entry.all_under = ctime;
    order_.push_back(file);
    Hold(SizeOf(file));
  }
  return entry;
}

Ledger::Noted Ledger::Note(const Key& file, uint64_t chunk, const Seal& seal, const FileTime& ctime) {
  using Verdict = Noted::Verdict;
  const MutexLock lock(mutex_);
  Entry& entry = Open(file, ctime);
  if (entry.all_under != ctime) entry.all_under.reset();
  const auto [known, is_new] = entry.seals.try_emplace(chunk, seal);
  const Verdict verdict = known->second != seal    ? Verdict::kChanged
                          : entry.settled == ctime ? Verdict::kSettled
                                                   : Verdict::kAsk;
  const Noted noted{verdict, entry.comparison, std::exchange(entry.may_lack, false)};
  if (is_new) Hold(kSealSize);
  Bound();
  return noted;
}

void Ledger::Settle(const Key& file, const FileTime& ctime, uint64_t comparison) {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(file);
  if (entry != entries_.end() && entry->second.comparison == comparison) entry->second.settled = ctime;
}

bool Ledger::IsAlone(const Key& file) {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(file);
  return entry == entries_.end() || entry->second.is_alone;
}

void Ledger::SetAlone(const Key& file) {
  const MutexLock lock(mutex_);
  if (const auto entry = entries_.find(file); entry != entries_.end()) entry->second.is_alone = true;
}

bool Ledger::SettleAlone(const Key& file, const FileTime& ctime) {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(file);
  if (entry == entries_.end()) return false;
  if (entry->second.all_under == ctime) entry->second.settled = ctime;
  return entry->second.settled == ctime;
}

Result<Ledger::Seals> Ledger::BeginComparison(const Key& file, const std::optional<FileTime>& but_under) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(file);
  if (found == entries_.end()) return Fail(has_let_go_ ? ENOMEM : ENODATA);
  Entry& entry = found->second;
  entry.comparison = ++comparisons_;
  entry.settled.reset();
  if (but_under && entry.all_under == but_under) return Seals{entry.comparison, {}};
  return Seals{entry.comparison, {entry.seals.begin(), entry.seals.end()}};
}

void Ledger::Forget(const std::string& top, Epoch before) {
  const MutexLock lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (entry->first.epoch < before && IsAtOrBelow(entry->first.path, top)) Erase(entry);
    entry = next;
  }
  std::erase_if(order_, [&](const Key& file) REQUIRES(mutex_) { return !entries_.contains(file); });
}

void Ledger::Hold(size_t bytes) {
  held_ += bytes;
  budget_.Hold(bytes);
}

void Ledger::Erase(Entries::iterator entry) {
  const size_t bytes = SizeOf(entry->first) + kSealSize * entry->second.seals.size();
  held_ -= bytes;
  budget_.Drop(bytes);
  entries_.erase(entry);
}

// The last one stays, whatever it takes: it is being read.
void Ledger::Bound() {
  while (order_.size() > 1 && held_ > most_) {
    const auto oldest = entries_.find(order_.front());
    order_.pop_front();
    if (oldest == entries_.end()) continue;
    Erase(oldest);
    has_let_go_ = true;
  }
}

}  // namespace copper::cache
