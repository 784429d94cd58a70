#include "copper/base/gate.h"

namespace copper {

std::optional<Gate::Pass> Gate::Enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return std::nullopt;
  ++inside_;
  return Pass(this);
}

bool Gate::Close(Duration timeout) {
  std::unique_lock lock(mutex_);
  closed_ = true;
  return empty_.wait_for(lock, timeout, [this] { return inside_ == 0; });
}

void Gate::Leave() {
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0 && closed_) empty_.notify_all();
}

}  // namespace copper
