// What a rank says of itself in a profile.
#pragma once

#include <string>

#include "copper/base/clock.h"
#include "copper/job/status_report.h"
#include "copper/profile/profile.h"
#include "copper/profile/recorder.h"
#include "copper/tree/forest.h"

namespace copper::job {

struct RankProfileParts {
  std::string tag;
  std::string target;
  const RankIdentity& who;
  const profile::StartTimings& timings;
  Duration registration;
  Duration uptime;
  const tree::Forest& forest;
  const profile::Counters& counters;
  profile::CacheUse cache;
  profile::Recorder* recorder;  // may be null
};

// Of this rank alone: what was recorded, all events, and its row. Any thread, while serving too. Takes as long as
// sorting the paths that were used.
profile::Profile RankProfile(RankProfileParts parts);

}  // namespace copper::job
