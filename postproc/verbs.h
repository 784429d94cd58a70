// The verbs of the `copper` program, one file each. Each returns the exit status: 0, or 1 after printing the reason.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace copper::postproc {

int Wait(const std::string& job_directory, std::chrono::duration<double> timeout);
int Stop(const std::string& place, std::chrono::duration<double> timeout);
int Refresh(const std::string& place, const std::string& path);
int Snapshot(const std::string& place, const std::string& tag);  // empty: the job makes a name
int ShowStatus(const std::string& place, bool json);

// After a job, from its profile. Empty output directories and files stand for the usual ones.
int AggregateProfiling(const std::string& job_directory, const std::string& prefix,
                       const std::vector<std::string>& usage_roots);
int PathUsage(const std::string& job_directory, const std::vector<std::string>& usage_roots,
              const std::string& output_directory, bool skip_home);
int CacheUsage(const std::string& place, const std::string& output_directory, const std::string& csv);

// Prints "copper: <message>" to stderr; returns 1.
int Refuse(const std::string& message);

}  // namespace copper::postproc
