#include "copper/base/file_time.h"

#include <algorithm>

namespace copper {

FileTime FileTime::FromNanoseconds(int64_t since_epoch) {
  const int64_t rest = since_epoch % kPerSecond;
  const int64_t seconds = since_epoch / kPerSecond;
  // Before 1970 they still count forward.
  return rest < 0 ? FileTime{seconds - 1, static_cast<uint32_t>(rest + kPerSecond)}
                  : FileTime{seconds, static_cast<uint32_t>(rest)};
}

FileTime FileTime::From(const timespec& time) {
  const long nanoseconds = std::clamp<long>(time.tv_nsec, 0, kPerSecond - 1);
  return {time.tv_sec, static_cast<uint32_t>(nanoseconds)};
}

FileTime FileTime::Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return From(now);
}

timespec FileTime::ToTimespec() const {
  return {.tv_sec = seconds, .tv_nsec = nanoseconds};
}

std::chrono::nanoseconds Between(const FileTime& from, const FileTime& to) {
  const auto most = to < from ? std::chrono::nanoseconds::min() : std::chrono::nanoseconds::max();
  const int64_t rest = int64_t{to.nanoseconds} - int64_t{from.nanoseconds};
  int64_t difference = 0;
  const bool exceeds = __builtin_sub_overflow(to.seconds, from.seconds, &difference) ||
                       __builtin_mul_overflow(difference, int64_t{FileTime::kPerSecond}, &difference) ||
                       __builtin_add_overflow(difference, rest, &difference);
  return exceeds ? most : std::chrono::nanoseconds(difference);
}

}  // namespace copper
