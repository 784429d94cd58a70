#include "storage/tick.h"

#include <thread>

namespace copper::storage {

Duration LeftOfTick(const FileVersion& version, int64_t now_ns) {
  const int64_t tick = version.mtime_ns % 1'000'000'000 == 0 ? kSlowTickNs : kTickNs;
  const int64_t left = version.mtime_ns + tick - now_ns;
  return std::chrono::nanoseconds(left > 0 && left <= 2 * tick ? left : 0);
}

void AwaitEndOfTick(const FileVersion& version) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Duration left = LeftOfTick(version, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  if (left > Duration::zero()) std::this_thread::sleep_for(left);
}

}  // namespace copper::storage
