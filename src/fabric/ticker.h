// When Receiver::OnTick is due: about every 100 ms while somebody wants ticks.
#pragma once

#include <atomic>

#include "copper/fabric/endpoint.h"

namespace copper::fabric {

class Ticker {
 public:
  // Any thread. True if ticks were off: the progress thread must be woken to take notice.
  bool Want() { return !wanted_.exchange(true); }

  // The progress thread's: ticks if it is time; returns when to look again.
  TimePoint Run(Receiver& receiver, TimePoint now) {
    if (!wanted_) return next_ = kNever;
    if (next_ == kNever) return next_ = now + kPeriod;
    if (now < next_) return next_;
    wanted_ = false;  // before the question: a Want while it is answered must not be lost
    if (receiver.OnTick(now)) wanted_ = true;
    return next_ = wanted_ ? now + kPeriod : kNever;
  }

 private:
  static constexpr Duration kPeriod = std::chrono::milliseconds(100);

  std::atomic<bool> wanted_ = false;
  TimePoint next_ = kNever;  // the progress thread's
};

}  // namespace copper::fabric
