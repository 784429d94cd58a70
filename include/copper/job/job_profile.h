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
#include <string_view>

#include "copper/base/clock.h"
#include "copper/base/log.h"
#include "copper/base/result.h"
#include "copper/base/worker_pool.h"
#include "copper/jobdir/job_directory.h"
#include "copper/jobdir/job_lock.h"
#include "copper/profile/reducer.h"

namespace copper::job {

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
    std::string elsewhere;            // where what the job directory does not take lies,
    std::string host;                 // and on which host
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

  // The end.

  // What became of a profile that was asked for, where the job directory did not take it.
  struct Unwritten {
    std::string what;         // for the user
    std::string elsewhere{};  // where it lies instead; empty: it is lost
  };
  // Runs what may not come back; false: it has not, in its time. Then what it uses (this object, too) must stay.
  using Aside = std::function<bool(std::string_view what, Task work)>;
  // The reduced profile, by the rank that has it, and the tables' occupancy, profiling or not.
  std::optional<Unwritten> KeepWhole(const profile::Profile& whole, const Aside& aside) const;
  // What this rank has in its hands, where it could not be handed on.
  std::optional<Unwritten> KeepOwn(const profile::Profile& own, const Aside& aside) const;

 private:
  void Start(const std::string& tag, Duration time, Done done);
  std::string NotOurs() const;
  std::optional<Unwritten> Keep(const profile::Profile& profile, const Aside& aside,
                                const std::function<Status()>& write, const std::string& elsewhere) const;
  Status WriteWhole(const profile::Profile& whole) const;
  Status WriteOwn(const profile::Profile& own) const;
  Result<std::string> Write(const std::string& tag, TimePoint deadline);
  Status Save(const std::string& file, const profile::Profile& profile) const;

  const Options options_;
  const JobDirectory job_;
  const Parts parts_;
  const Own own_;
  bool busy_ = false;
  TimePoint next_;
  unsigned intervals_ = 0;
};

}  // namespace copper::job
