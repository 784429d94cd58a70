// Waiting for what somebody else brings about; behind an interface, as Clock and Executor are, so that what waits can
// be run in simulated time, without threads.
//
//   const std::shared_ptr<Wakeup> answered = wakeups.Make();
//   ...                                                    // elsewhere: keeps the answer, then answered->Wake()
//   while (!IsAnswered() && answered->WaitUntil(until)) {
//   }
#pragma once

#include <memory>

#include "copper/base/clock.h"

namespace copper {

class Wakeup {
 public:
  virtual ~Wakeup() = default;
  // Any thread; does not block. Where nobody waits, the next one who does goes on at once.
  virtual void Wake() = 0;
  // One at a time. False: the time is over, and nobody has called Wake since the last wait.
  virtual bool WaitUntil(TimePoint until) = 0;
};

class Wakeups {
 public:
  virtual ~Wakeups() = default;
  // Shared between who waits and who wakes: whoever is last lets it go. Any thread.
  virtual std::shared_ptr<Wakeup> Make() = 0;
};

// The thread that waits sleeps.
class ThreadWakeups final : public Wakeups {
 public:
  std::shared_ptr<Wakeup> Make() override;
};

}  // namespace copper
