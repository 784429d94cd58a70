// Why a job ends; travels in kStop messages.
#pragma once

#include <cstdint>
#include <string>

#include "copper/base/ids.h"

namespace copper::job {

enum class StopReason : uint32_t { kRequest = 1, kSignal = 2, kIoctl = 3, kUnmounted = 4, kFailure = 5 };

// "SIGTERM or SIGINT on rank 3": for the log and exit.json.
std::string Describe(StopReason reason, Rank rank);

}  // namespace copper::job
