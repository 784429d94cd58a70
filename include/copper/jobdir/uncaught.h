// What ends a process where nobody catches an exception: there is no memory for something little (src/README.md,
// "Memory"), or somebody has made a mistake. It says so first, on standard error and in the job directory
// (copper/jobdir/last_reason.h), needing no memory and 3 s at most; then SIGABRT ends it, as a crash does.
#pragma once

#include <sys/types.h>

#include <atomic>

#include "copper/jobdir/job_record.h"

namespace copper {

class Uncaught {
 public:
  // In the process that is to say it, not in one that it forks; `record` outlives this.
  explicit Uncaught(const JobRecord& record);

  // For a terminate handler (std::set_terminate): which is the program's, since it is one for all of the process and is
  // given nothing. Of several threads the first one says it.
  [[noreturn]] void End() const noexcept;

 private:
  const pid_t process_;
  const JobRecord& record_;
  const JobRecord::ReasonPlace place_;
  mutable std::atomic<bool> ending_{false};
};

}  // namespace copper
