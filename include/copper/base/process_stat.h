// What /proc/PID/stat says of a process or thread (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "copper/base/result.h"

namespace copper {

struct ProcessStat {
  char state = 0;
  pid_t parent = 0;
  int64_t threads = 0;
  uint64_t started = 0;  // ticks since the boot: with the pid it tells a process from a later one

  // A corpse has ended and waits for its parent. One whose main thread alone has ended is none.
  bool IsCorpse() const { return (state == 'Z' || state == 'X') && threads <= 1; }
  // By SIGSTOP, or a debugger.
  bool IsStopped() const { return state == 'T' || state == 't'; }
};

// nullopt: the text is no such file's.
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

// ENOENT or ESRCH: there is none; EIO: the file can't be understood. `proc`: where proc(5) is mounted.
Result<ProcessStat> ReadProcessStat(pid_t process, std::string_view proc = "/proc");

}  // namespace copper
