// What the `copper` program asks of a job that runs, one file a verb. Each returns the exit status: 0, or 1 after
// printing the reason.
#pragma once

#include <chrono>
#include <string>

namespace copper::cli {

int Wait(const std::string& job_directory, std::chrono::duration<double> timeout);
int Stop(const std::string& place, std::chrono::duration<double> timeout);
int Refresh(const std::string& place, const std::string& path);
int Snapshot(const std::string& place, const std::string& tag);  // empty: the job makes a name
int ShowStatus(const std::string& place, bool json);

}  // namespace copper::cli
