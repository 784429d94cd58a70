// A time of a file as the source has it. Seconds and nanoseconds apart: nanoseconds alone end in 1677 and 2262 (in 64
// bits), and files have times of any year.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <ctime>

namespace copper {

struct FileTime {
  static constexpr uint32_t kPerSecond = 1'000'000'000;

  int64_t seconds = 0;       // since the epoch, negative before it
  uint32_t nanoseconds = 0;  // forward from there, below kPerSecond

  auto operator<=>(const FileTime&) const = default;

  static FileTime FromNanoseconds(int64_t since_epoch);
  // Nanoseconds that are none (a file system may give any) become the nearest that are.
  static FileTime From(const timespec& time);
  static FileTime Now();  // of this node's clock

  bool IsSound() const { return nanoseconds < kPerSecond; }  // to be asked of what came from elsewhere
  timespec ToTimespec() const;
  // As one number, to be hashed: of times outside 1678 to 2261 some share theirs.
  uint64_t Folded() const { return static_cast<uint64_t>(seconds) * kPerSecond + nanoseconds; }
};

// How much later `to` is than `from`, negative if it is earlier; of more than 292 years that many.
std::chrono::nanoseconds Between(const FileTime& from, const FileTime& to);

}  // namespace copper
