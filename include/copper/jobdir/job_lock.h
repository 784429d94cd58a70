// One job at a time in a job directory, and whose it is.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>

#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "copper/jobdir/job_directory.h"

namespace copper {

// Rank 0 holds it (flock(2) on the directory, which is made if absent) for as long as the job lives, however it ends.
// EBUSY where another job has it. A file system without locks grants everything.
Result<UniqueFd> LockJobDirectory(const JobDirectory& job);

// Whether the directory is this job's still: it may have been removed, made again, and used by another job since. To be
// asked before anything in it is taken, written or removed. Main thread.
class JobClaim {
 public:
  // `locked` is what LockJobDirectory gave to rank 0; the others have none, and take the lock when rank 0 is gone.
  JobClaim(JobDirectory job, std::string job_id, UniqueFd locked);
  bool Holds();
  // The same without taking the lock: it has it, the job is running here, or was the last to end. Any thread.
  bool IsOurs() const;
  // The last call: another job may have it.
  void Release() { directory_.Reset(); }

 private:
  bool IsSameDirectory() const;
  bool HasLock();
  bool IsReadyFileOurs() const { return IsOfThisJob(job_.ready_file()); }
  bool IsOfThisJob(const std::string& file) const;

  const JobDirectory job_;
  const std::string job_id_;
  std::atomic<bool> locked_;
  UniqueFd directory_;
};

}  // namespace copper
