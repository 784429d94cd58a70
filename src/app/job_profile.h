// The profile of the whole job: snapshots while it serves, and the one of its end. What is in them is reduced over all
// ranks first (copper/profile/reducer.h).
//
// clang-format off
//   profiling/TAG/copper_profile.h5     a snapshot; TAG "pre-destroy" at the start of the shutdown, "interval-0001" ... by
//                                       --profile-snapshot-interval-s
//   profiling/final/copper_profile.h5   of the end
//   profiling/final/rank-<r>.h5         of one rank, where it could not hand its profile on
//   tables/final/                       the occupancy of the tables, profiling or not; with full paths their table
// clang-format on
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/base/worker_pool.h"
#include "copper/jobdir/job_directory.h"
#include "copper/jobdir/job_lock.h"
#include "copper/profile/reducer.h"

namespace copper::app {

class JobProfile {
 public:
  using Own = std::function<profile::Profile(const std::string& tag)>;
  using Done = std::move_only_function<void(Result<std::string>)>;
  struct Parts {                // all outlive it
    profile::Reducer& reducer;  // for snapshots
    Executor& workers;          // may block
    Executor& loop;
    const Clock& clock;
    Logger& log;
    const JobClaim& claim;  // nothing is written where another job has begun, or the directory is gone
  };
  struct Options {
    bool is_on = false;               // whether anything is recorded
    Duration interval = Duration(0);  // between snapshots; 0: none
    std::string elsewhere;            // what the job directory does not take
  };

  JobProfile(Options options, JobDirectory job, Parts parts, Own own);

  // These are called in the loop, and so is `done`, with what to tell the user.

  // Under a name of the user's; empty: one is made from the time. EINVAL, EEXIST (there is one of this name), EBUSY
  // (one is being written), ENOTSUP (profiling is off).
  void Snapshot(std::string tag, Done done);
  // The first thing of an ending that this rank conducts; `done` at once where profiling is off.
  void SnapshotBeforeEnd(std::move_only_function<void()> done);
  // Of the job's first rank, about once a second.
  void OnTick();

  // The end, in the main thread: each in its turn.

  // The reduced profile, by the rank that has it. An error says what became of a profile that was asked for.
  Status WriteFinal(profile::Profile whole) const;
  // The same where that failed, or hangs: where it lies instead, for the user.
  Result<std::string> SaveElsewhere(profile::Profile whole) const;
  // The same two of what this rank has in its hands, where it could not be handed on.
  Status WriteOwn(const profile::Profile& own) const;
  Result<std::string> SaveOwnElsewhere(const profile::Profile& own) const;

 private:
  void Start(const std::string& tag, Duration time, Done done);
  std::string NotOurs() const;
  Result<std::string> Write(const std::string& tag, TimePoint deadline);
  Result<std::string> Save(const std::string& file, const profile::Profile& profile) const;

  const Options options_;
  const JobDirectory job_;
  const Parts parts_;
  const Own own_;
  bool busy_ = false;
  TimePoint next_;
  unsigned intervals_ = 0;
};

}  // namespace copper::app
