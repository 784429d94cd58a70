// What a job that ends leaves in its directory: how it ended, for whoever waits for that (`copper wait`, `copper
// stop`).
#pragma once

#include <set>
#include <string>
#include <utility>

#include "copper/base/ids.h"
#include "copper/base/log.h"
#include "copper/jobdir/job_directory.h"
#include "copper/jobdir/job_lock.h"
#include "copper/jobdir/job_record.h"

namespace copper {

// The end, as far as this rank knows it.
struct KnownEnd {
  int status = 0;
  std::string reason;
  std::set<Rank> lost;
  // Who says it: the rank that conducted the end, one that heard no word from the others, or one that leaves the saying
  // to the conductor.
  enum class By { kConductor, kAlone, kFollower } by = By::kFollower;
  bool stopped_by_mount = false;  // whoever has done that looks for it in `elsewhere`
};

class EndRecord {
 public:
  struct Parts {  // all outlive it
    const JobRecord& record;
    JobClaim& claim;
    Logger& log;
  };
  // `elsewhere`: ElsewhereOf this job.
  EndRecord(JobDirectory job, JobDirectory elsewhere, Parts parts)
      : job_(std::move(job)), elsewhere_(std::move(elsewhere)), parts_(parts) {}

  // Writes it, and gives the claim back: a next job may start as soon as somebody knows that this one has ended.
  // Whether the directory was this job's still; else nothing there was touched. Blocks on the directory.
  bool Write(const KnownEnd& end) const;
  // Where the job directory takes nothing.
  void WriteElsewhere(const KnownEnd& end) const;

 private:
  void WriteHere(const KnownEnd& end) const;

  const JobDirectory job_;
  const JobDirectory elsewhere_;
  const Parts parts_;
};

}  // namespace copper
