// What is known of the threads that wait for the mount. Behind an interface, so that tests let them live and die.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace copper {

class CallerThreads {
 public:
  struct Seen {
    enum class How {
      kRead,    // `status` and `started` are what the kernel says of it
      kGone,    // there is no such thread
      kHidden,  // nothing is known: it may not be looked at, or nothing could be read just now
    };
    How how = How::kHidden;
    std::string status;    // as proc_pid_status(5) describes it
    uint64_t started = 0;  // in clock ticks since boot: with the id it names one thread, ids being used again
  };

  virtual ~CallerThreads() = default;
  // `thread`: its id as a request of the kernel has it, so 0 for one of another pid namespace. Must not block.
  virtual Seen Look(pid_t thread) = 0;
};

// /proc, as far as it is that of this process's pid namespace and lets the thread be seen (hidepid).
class ProcThreads final : public CallerThreads {
 public:
  explicit ProcThreads(std::string proc = "/proc");
  Seen Look(pid_t thread) override;

 private:
  const std::string proc_;
  const bool ours_;
};

}  // namespace copper
