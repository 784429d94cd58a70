// The verbs of the `copper` program, one file each. Each returns the exit status: 0, or 1 after printing the reason.
#pragma once

#include <chrono>
#include <string>

namespace copper::postproc {

int Wait(const std::string& job_directory, std::chrono::duration<double> timeout);
int Stop(const std::string& place, std::chrono::duration<double> timeout);
int Refresh(const std::string& place, const std::string& path);
int ShowStatus(const std::string& place, bool json);

// Prints "copper: <message>" to stderr; returns 1.
int Refuse(const std::string& message);

}  // namespace copper::postproc
