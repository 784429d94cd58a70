#include "storage/tick.h"

#include <thread>

namespace copper::storage {

Duration LeftOfTick(const FileTime& change, const FileTime& now) {
  const std::chrono::nanoseconds tick = change.nanoseconds == 0 ? kSlowTick : kTick;
  const std::chrono::nanoseconds age = Between(change, now);
  return age < tick && age >= -tick ? tick - age : Duration::zero();
}

void AwaitEndOfTick(const FileTime& change) {
  const Duration left = LeftOfTick(change, FileTime::Now());
  if (left > Duration::zero()) std::this_thread::sleep_for(left);
}

}  // namespace copper::storage
