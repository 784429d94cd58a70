// Finds the final profile of a job: one file of the whole job, or those that its ranks left one by one.
#pragma once

#include <string>
#include <vector>

#include "copper/base/result.h"
#include "copper/profile/profile.h"

namespace copper::postproc {

struct JobProfile {
  std::string job_directory;       // absolute
  std::vector<std::string> files;  // what it was read from
  profile::Profile profile;
};

// The error's message says what is wrong with which file, and what to do; where a part of a job directory was given
// (logs/, profiling/final/, ...), which directory to give instead.
Result<JobProfile> ReadJobProfile(const std::string& job_directory);

// The job directory of which `path` is a part, judged by its name alone; empty where it looks like none.
std::string RootOfPart(const std::string& path);

// As seen from `/`: without "." and "..", doubled slashes and a slash at the end; links are not followed.
std::string AbsolutePath(const std::string& path);

}  // namespace copper::postproc
