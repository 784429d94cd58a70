// What a rank leaves in the job directory about how things went wrong, or how the job ended.
//
// Nothing is written into a directory that is another job's, or somebody else's. What can't be written (a full disk, a
// directory that is gone) is left out: it has been printed or logged already. Any thread.
#pragma once

#include <atomic>
#include <set>
#include <string>

#include "copper/base/ids.h"
#include "copper/base/result.h"
#include "copper/jobdir/job_directory.h"

namespace copper {

class JobRecord {
 public:
  JobRecord(JobDirectory job, std::string host, Rank rank);

  // The directory is this job's from now on. Once.
  void SetOurs(std::string job_id) {
    job_id_ = std::move(job_id);
    ours_ = true;
  }

  // The directory must stay as it is, or absent: it lies where the mount would be. Any rank, before SetOurs.
  void LeaveNothing() { leaves_nothing_ = true; }

  // The directory has been made: where it is gone, somebody has removed it, and it stays so. By processes that a rank
  // leaves behind, which SetOurs does not reach.
  void MakeNothing() { makes_nothing_ = true; }

  // Of this rank: why it failed (copper/jobdir/last_reason.h).
  void Reason(const std::string& reason) const;
  // Where that is written, and how the line begins: for whom there may be no memory to say more.
  struct ReasonPlace {
    std::string file, beginning;
  };
  ReasonPlace PlaceOfReason() const;
  bool is_ours() const { return ours_; }
  // Of the job, by rank 0 or whoever conducted its end: logs/exit.json.
  Status Exit(int status, const std::string& reason, const std::set<Rank>& lost = {}) const;
  // The same by a rank that has ended alone: never in the place of what somebody who knew more has recorded. EEXIST.
  Status ExitAlone(int status, const std::string& reason, const std::set<Rank>& lost) const;
  // Of the daemon `pid` of this rank, by a process that it left behind. `signal`: what ended it; 0 if that is not
  // known.
  void Death(int pid, int signal) const;
  // Likewise: it has ended, but the kernel keeps the process.
  void Remains(int pid) const;
  // Likewise: its mount is gone (JobDirectory::unmounted_file).
  void Unmounted(int pid) const;

 private:
  bool MayWrite() const;
  std::string ExitText(int status, const std::string& reason, const std::set<Rank>& lost) const;
  void ReasonOf(int pid, const std::string& how) const;
  bool MayWriteOfTheDead() const;
  std::string Here(int pid) const;

  const JobDirectory job_;
  const std::string host_;
  const Rank rank_;
  std::string job_id_;  // with ours_
  std::atomic<bool> ours_{false};
  std::atomic<bool> leaves_nothing_{false};
  std::atomic<bool> makes_nothing_{false};
};

}  // namespace copper
