// What a rank says of itself in a profile.
#pragma once

#include <memory>
#include <string>

#include "app/options.h"
#include "copper/base/clock.h"
#include "copper/bootstrap/members.h"
#include "copper/cache/cache.h"
#include "copper/job/status_report.h"
#include "copper/profile/profile.h"
#include "copper/profile/recorder.h"
#include "copper/tree/forest.h"

namespace copper::app {

// Null where the options turn profiling off. The clock outlives it.
std::unique_ptr<profile::Recorder> MakeRecorder(const Options& options, uint64_t budget_bytes, const Clock& clock);

struct ProfileParts {
  std::string tag;
  std::string target;
  const job::RankIdentity& who;
  const bootstrap::StartTimings& timings;
  Duration registration;
  Duration uptime;
  const tree::Forest& forest;
  const profile::Counters& counters;
  cache::Cache& cache;
  profile::Recorder* recorder;  // may be null
};

// Of this rank alone: what was recorded, all events, and its row. Any thread, while serving too.
profile::Profile OwnProfile(ProfileParts parts);

}  // namespace copper::app
