#include "storage/tick.h"

#include <thread>

namespace copper::storage {

Duration LeftOfTick(const FileVersion& version, const FileTime& now) {
  const std::chrono::nanoseconds tick = version.mtime.nanoseconds == 0 ? kSlowTick : kTick;
  const std::chrono::nanoseconds age = Between(version.mtime, now);
  return age < tick && age >= -tick ? tick - age : Duration::zero();
}

void AwaitEndOfTick(const FileVersion& version) {
  const Duration left = LeftOfTick(version, FileTime::Now());
  if (left > Duration::zero()) std::this_thread::sleep_for(left);
}

}  // namespace copper::storage
