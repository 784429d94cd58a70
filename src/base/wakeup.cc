#include "copper/base/wakeup.h"

#include "copper/base/mutex.h"

namespace copper {
namespace {

class ThreadWakeup final : public Wakeup {
 public:
  void Wake() override {
    const MutexLock lock(mutex_);
    woken_ = true;
    changed_.NotifyOne();
  }

  bool WaitUntil(TimePoint until) override {
    const MutexLock lock(mutex_);
    const bool woken = changed_.WaitUntil(mutex_, until, [this]() REQUIRES(mutex_) { return woken_; });
    woken_ = false;
    return woken;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::shared_ptr<Wakeup> ThreadWakeups::Make() {
  return std::make_shared<ThreadWakeup>();
}

}  // namespace copper
