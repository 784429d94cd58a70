#include "copper/base/gate.h"

namespace copper {

std::optional<Gate::Pass> Gate::Enter() {
  const MutexLock lock(mutex_);
  if (closed_) return std::nullopt;
  ++inside_;
  return Pass(this);
}

bool Gate::Close(Duration timeout) {
  const MutexLock lock(mutex_);
  closed_ = true;
  return empty_.WaitFor(mutex_, timeout, [this]() REQUIRES(mutex_) { return inside_ == 0; });
}

void Gate::Leave() {
  const MutexLock lock(mutex_);
  if (--inside_ == 0 && closed_) empty_.NotifyAll();
}

}  // namespace copper
