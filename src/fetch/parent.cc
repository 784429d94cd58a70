#include "parent.h"

#include <algorithm>
#include <utility>

namespace copper::fetch {

bool Parent::IsLost() const {
  const MutexLock lock(mutex_);
  return lost_;
}

void Parent::Want() {
  const MutexLock lock(mutex_);
  wanted_ = true;
}

void Parent::OnAnswer(TimePoint now) {
  const MutexLock lock(mutex_);
  heard_ = now;
}

void Parent::OnFailure() {
  const MutexLock lock(mutex_);
  doubted_ = true;
}

// Whether something has become old that the last probe has not named.
bool Parent::HasNewOld(std::optional<TimePoint> last_old) const {
  return last_old && *last_old + kOld > probed_;
}

bool Parent::IsProbeDue(TimePoint now, std::optional<TimePoint> last_old) const {
  if (probing_) return false;
  if (lost_) return now >= next_probe_ && (wanted_ || probes_unasked_ < kProbesUnasked);
  if (doubted_) return true;
  if (!last_old || now - probed_ < kOld) return false;
  return HasNewOld(last_old) || now - probed_ >= pause_;
}

void Parent::NotePause(std::optional<TimePoint> last_old) {
  pause_ = HasNewOld(last_old) ? kOld : std::min(2 * pause_, kLongestPause);
}

bool Parent::TakeProbe(TimePoint now, std::optional<TimePoint> last_old) {
  const MutexLock lock(mutex_);
  if (!IsProbeDue(now, last_old)) return false;
  NotePause(last_old);
  probing_ = true;
  probed_ = now;
  doubted_ = false;
  if (lost_ && !std::exchange(wanted_, false)) ++probes_unasked_;
  return true;
}

Parent::News Parent::OnProbe(bool answered, TimePoint now) {
  const MutexLock lock(mutex_);
  probing_ = false;
  if (answered) {
    heard_ = now;
    return std::exchange(lost_, false) ? News::kFound : News::kNone;
  }
  if (!lost_ && heard_ > probed_) return News::kNone;  // the probe was lost, or late; the parent was heard meanwhile
  pause_of_lost_ = lost_ ? std::min(2 * pause_of_lost_, kLongestPause) : kFirstPauseOfLost;
  next_probe_ = now + pause_of_lost_;
  if (std::exchange(lost_, true)) return News::kNone;
  probes_unasked_ = 0;
  return News::kLost;
}

bool Parent::NeedsTicks() const {
  const MutexLock lock(mutex_);
  return probing_ || doubted_ || (lost_ && probes_unasked_ < kProbesUnasked);
}

}  // namespace copper::fetch
