// What the options say of what is recorded.
#pragma once

#include <memory>

#include "app/options.h"
#include "copper/base/clock.h"
#include "copper/profile/recorder.h"

namespace copper::app {

// Null where they turn profiling off. The clock outlives it.
std::unique_ptr<profile::Recorder> MakeRecorder(const Options& options, uint64_t budget_bytes, const Clock& clock);

}  // namespace copper::app
