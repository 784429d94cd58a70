// One job at a time in a job directory, and the record of how the last one ended.
#pragma once

#include <string>

#include "copper/base/job_directory.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::app {

// Rank 0 holds it (flock(2) on the directory, which is made if absent) for as long as the job lives, however it ends.
// EBUSY where another job has it. A file system without locks grants everything.
Result<UniqueFd> LockJobDirectory(const JobDirectory& job);

// Writes logs/exit.json: how the job ended.
Status RecordExit(const JobDirectory& job, int status, const std::string& reason);

// The same for a job that never came to hold the directory: nothing is written into one that is another job's, or
// somebody else's.
void RecordFailedStart(const JobDirectory& job, int status, const std::string& reason);

}  // namespace copper::app
