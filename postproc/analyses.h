// What the `copper` program tells of a job from its results, one file a verb. Each returns the exit status: 0, or 1
// after printing the reason.
#pragma once

#include <string>
#include <vector>

namespace copper::postproc {

// Empty output directories and files stand for the usual ones.
int AggregateProfiling(const std::string& job_directory, const std::string& prefix,
                       const std::vector<std::string>& usage_roots);
int PathUsage(const std::string& job_directory, const std::vector<std::string>& usage_roots,
              const std::string& output_directory, bool skip_home);
int CacheUsage(const std::string& place, const std::string& output_directory, const std::string& csv);

}  // namespace copper::postproc
