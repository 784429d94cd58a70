// A clock that tests move by hand. Any thread.
#pragma once

#include <atomic>

#include "copper/base/clock.h"

namespace copper::fakes {

class FakeClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(Duration(since_start_.load(std::memory_order_acquire))); }
  void Advance(Duration by) { since_start_.fetch_add(by.count(), std::memory_order_acq_rel); }

 private:
  // Not 0, so that a default TimePoint lies in the past.
  std::atomic<Duration::rep> since_start_{std::chrono::duration_cast<Duration>(std::chrono::hours(1)).count()};
};

}  // namespace copper::fakes
