#include "copper/rpc/liveness.h"

#include <algorithm>
#include <utility>

namespace copper::rpc {

bool Liveness::IsLost() const {
  const MutexLock lock(mutex_);
  return lost_;
}

void Liveness::Want() {
  const MutexLock lock(mutex_);
  wanted_ = true;
}

void Liveness::OnAnswer(TimePoint now) {
  const MutexLock lock(mutex_);
  heard_ = now;
}

void Liveness::OnFailure() {
  const MutexLock lock(mutex_);
  doubted_ = true;
}

// Whether something has become old that the last probe has not named.
bool Liveness::HasNewOld(std::optional<TimePoint> last_old) const {
  return last_old && *last_old + patience_.old > probed_;
}

bool Liveness::IsProbeDue(TimePoint now, std::optional<TimePoint> last_old) const {
  if (probing_) return false;
  if (lost_) return now >= next_probe_ && (wanted_ || probes_unasked_ < patience_.probes_unasked);
  if (doubted_) return true;
  if (!last_old || now - probed_ < patience_.old) return false;
  return HasNewOld(last_old) || now - probed_ >= pause_;
}

void Liveness::NotePause(std::optional<TimePoint> last_old) {
  pause_ = HasNewOld(last_old) ? patience_.old : std::min(2 * pause_, patience_.longest_pause);
}

bool Liveness::TakeProbe(TimePoint now, std::optional<TimePoint> last_old) {
  const MutexLock lock(mutex_);
  if (!IsProbeDue(now, last_old)) return false;
  NotePause(last_old);
  probing_ = true;
  probed_ = now;
  doubted_ = false;
  if (lost_ && !std::exchange(wanted_, false)) ++probes_unasked_;
  return true;
}

Liveness::News Liveness::OnProbe(bool answered, TimePoint now) {
  const MutexLock lock(mutex_);
  probing_ = false;
  if (answered) {
    heard_ = now;
    return std::exchange(lost_, false) ? News::kFound : News::kNone;
  }
  if (!lost_ && heard_ > probed_) return News::kNone;  // the probe was lost, or late; the parent was heard meanwhile
  pause_of_lost_ = lost_ ? std::min(2 * pause_of_lost_, patience_.longest_pause) : patience_.first_pause_of_lost;
  next_probe_ = now + pause_of_lost_;
  if (std::exchange(lost_, true)) return News::kNone;
  probes_unasked_ = 0;
  return News::kLost;
}

bool Liveness::NeedsTicks() const {
  const MutexLock lock(mutex_);
  return probing_ || doubted_ || (lost_ && probes_unasked_ < patience_.probes_unasked);
}

}  // namespace copper::rpc
