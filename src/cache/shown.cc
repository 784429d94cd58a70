#include "copper/cache/shown.h"

#include <algorithm>

namespace copper::cache {

Shown::Shown(Budget& budget) : budget_(budget), held_(sizeof(Shown)) {
  budget_.Hold(held_);
}

Shown::~Shown() {
  budget_.Drop(held_);
}

Shown::Verdict Shown::Show(uint64_t chunk, const Chunk& shown, Vouched vouched) {
  const MutexLock lock(mutex_);
  if (is_refused_) return Verdict::kChanged;
  const bool is_first = noted_.empty() && comparisons_ == 0;
  if (!Note(chunk, shown.seal)) return Verdict::kChanged;
  if (is_first) {
    settled_ = shown.ctime;
    vouched_ = vouched;
  }
  const bool is_comparing = ended_ != comparisons_;
  if (!is_comparing && vouched && vouched == vouched_) {
    settled_ = std::max(settled_, std::optional(shown.ctime));
    return Verdict::kSettled;
  }
  if (!is_comparing && settled_ == shown.ctime) {
    // Who vouches in another epoch knows nothing of the others; nor does anybody of a chunk that was read alone.
    if (!vouched) vouched_.reset();
    return Verdict::kSettled;
  }
  return lacks_ ? Verdict::kChanged : Verdict::kAsk;
}

// False if it was another one before. Most come in order.
bool Shown::Note(uint64_t chunk, const Seal& seal) {
  const auto place = std::ranges::lower_bound(noted_, chunk, {}, &Noted::value_type::first);
  if (place != noted_.end() && place->first == chunk) return place->second == seal;
  if (noted_.size() == kMost) {
    lacks_ = true;
    return true;
  }
  noted_.emplace(place, chunk, seal);
  const size_t holds = sizeof(Shown) + noted_.capacity() * sizeof(Noted::value_type);
  budget_.Hold(holds - std::exchange(held_, holds));
  return true;
}

Shown::Seals Shown::BeginComparison() {
  const MutexLock lock(mutex_);
  return {++comparisons_, noted_};
}

void Shown::Settle(uint64_t comparison, const std::optional<FileTime>& ctime, Vouched vouched) {
  const MutexLock lock(mutex_);
  if (comparison <= ended_) return;
  ended_ = comparison;
  settled_ = ctime;
  vouched_ = vouched;
}

void Shown::Refuse() {
  const MutexLock lock(mutex_);
  is_refused_ = true;
}

bool Shown::MayBeCompared() const {
  const MutexLock lock(mutex_);
  return !is_refused_ && !lacks_ && noted_.size() <= kMostAgain;
}

std::optional<bool> Shown::IsOf(const FileTime& ctime) const {
  const MutexLock lock(mutex_);
  if (noted_.empty()) return std::nullopt;
  return !is_refused_ && settled_ == ctime;
}

}  // namespace copper::cache
