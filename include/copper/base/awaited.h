// A value that somebody else brings about, once, and one thread waits for. Shared between the two.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"
#include "copper/base/wakeup.h"

namespace copper {

template <class T>
class Awaited {
 public:
  explicit Awaited(Wakeups& wakeups) : wakeup_(wakeups.Make()) {}

  // Any thread; does not block.
  void Set(T value) EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      value_ = std::move(value);
    }
    wakeup_->Wake();
  }
  // Whether it is there by then.
  bool WaitUntil(TimePoint until) EXCLUDES(mutex_) {
    while (!IsThere()) {
      if (!wakeup_->WaitUntil(until)) return IsThere();
    }
    return true;
  }
  // Once, when it is there.
  T Take() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return *std::move(value_);
  }

 private:
  bool IsThere() EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return value_.has_value();
  }

  const std::shared_ptr<Wakeup> wakeup_;
  Mutex mutex_;
  std::optional<T> value_ GUARDED_BY(mutex_);
};

}  // namespace copper
