#include "parent.h"

#include <algorithm>
#include <utility>

namespace copper::fetch {

bool Parent::IsLost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void Parent::Want() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
}

void Parent::OnAsked(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (waiting_++ == 0) heard_ = std::max(heard_, now);
}

void Parent::OnAnswer(TimePoint now) {
  const std::lock_guard lock(mutex_);
  --waiting_;
  heard_ = now;
}

void Parent::OnFailure() {
  const std::lock_guard lock(mutex_);
  --waiting_;
  doubted_ = true;
}

bool Parent::IsProbeDue(TimePoint now) const {
  if (probing_) return false;
  if (lost_) return now >= next_probe_ && (wanted_ || probes_unasked_ < kProbesUnasked);
  return doubted_ || (waiting_ > 0 && now - heard_ >= kSilence);
}

bool Parent::TakeProbe(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!IsProbeDue(now)) return false;
  probing_ = true;
  probed_ = now;
  doubted_ = false;
  if (lost_ && !std::exchange(wanted_, false)) ++probes_unasked_;
  return true;
}

Parent::News Parent::OnProbe(bool answered, TimePoint now) {
  const std::lock_guard lock(mutex_);
  probing_ = false;
  if (answered) {
    heard_ = now;
    return std::exchange(lost_, false) ? News::kFound : News::kNone;
  }
  if (!lost_ && heard_ > probed_) return News::kNone;  // the probe was lost, or late; the parent was heard meanwhile
  pause_ = lost_ ? std::min(2 * pause_, kLongestPause) : kFirstPause;
  next_probe_ = now + pause_;
  if (std::exchange(lost_, true)) return News::kNone;
  probes_unasked_ = 0;
  return News::kLost;
}

bool Parent::NeedsTicks() const {
  const std::lock_guard lock(mutex_);
  return probing_ || doubted_ || waiting_ > 0 || (lost_ && probes_unasked_ < kProbesUnasked);
}

}  // namespace copper::fetch
