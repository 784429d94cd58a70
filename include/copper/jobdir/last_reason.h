// Why a rank failed: one line in logs/HOST-PID-last_reason.txt, for `copper wait` and `copper status`.
#pragma once

#include <string>
#include <vector>

#include "copper/base/result.h"
#include "copper/jobdir/job_directory.h"

namespace copper {

// Keeps what is there already: what is said first is the cause, what comes after it a consequence. Needs logs/.
Status RecordReason(const JobDirectory& job, const std::string& host, int pid, const std::string& reason);

// A line of every rank that left one, sorted.
std::vector<std::string> ReadReasons(const JobDirectory& job);

}  // namespace copper
