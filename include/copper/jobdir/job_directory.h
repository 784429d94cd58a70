// The job directory: where a job's files are, and the requests that reach a running job as files in `control/`.
//
// A request is a file `control/<id>.request` with one JSON object: {"verb": "stop" | "status" | "ping"} or
// {"verb": "refresh", "path": PATH}. The job's lowest living rank looks once a second, removes it and answers in
// `control/<id>.answer`: {"ok": bool, "message": ...,
// ...}. Both appear by rename. The answer to a stop is written as the job's last act: every mount is gone by then.
//
// A full disk takes names, but no content: a request is then an empty file `<id>.<verb>.request`, an answer one of
// `<id>.ok.answer` and `<id>.failed.answer`, and the answer's "elsewhere" (a path) part of the name of another one,
// `<id>.elsewhere.<path>`, with / as %2F and % as %25.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/ids.h"
#include "copper/base/result.h"
#include "copper/jobdir/json.h"

namespace copper {

class JobDirectory {
 public:
  explicit JobDirectory(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string logs() const { return root_ + "/logs"; }
  std::string control() const { return root_ + "/control"; }
  std::string ready_file() const { return logs() + "/ready.json"; }
  std::string node_file() const { return logs() + "/node_file.txt"; }
  std::string address_book() const { return logs() + "/copper_address_book.txt"; }
  std::string full_address_book() const { return logs() + "/copper_address_book_full_output.txt"; }
  // How the last job here ended: {"status": n, "reason": "..."}.
  std::string exit_file() const { return logs() + "/exit.json"; }
  std::string log_file(const std::string& host, int pid) const;
  std::string profiling(const std::string& tag) const { return root_ + "/profiling/" + tag; }
  std::string profile_file(const std::string& tag) const { return profiling(tag) + "/copper_profile.h5"; }
  // Of one rank, where it could not hand its profile on.
  std::string rank_profile_file(Rank rank) const {
    return profiling("final") + "/rank-" + std::to_string(rank) + ".h5";
  }
  std::string final_tables() const { return root_ + "/tables/final"; }
  // Why a rank failed (copper/jobdir/last_reason.h).
  std::string reason_file(const std::string& host, int pid) const;
  // An empty file: the daemon was killed, and its mount is gone. By its mounter.
  std::string unmounted_file(const std::string& host, int pid) const;

  // Makes the directory where there is none, and closes it to others (0700), unless it was there and holds other things
  // than a job's: then logs/ and control/ are closed, and it is left as it is.
  Status Make() const;
  // Rank 0: makes the directory, logs/ and control/ (0700), removes ready.json, exit.json, last reasons and requests of
  // an earlier job, and sets its results aside (profiling.1, tables.1, ...). Refuses a directory that is somebody
  // else's.
  Status Prepare() const;
  // Tells the directory from another one of its name; empty where there is none.
  std::string Id() const;
  // Whether somebody else's rank 0 holds the lock of the directory (jobdir/job_lock.h): a job runs there. Only seen on
  // other hosts where the file system has locks that reach that far.
  bool IsLocked() const;

 private:
  std::string root_;
};

// The job directory can be used, or made: one's own, writable, not reached through somebody else's symlink.
Status CheckJobDirectory(const std::string& path);

// Where a job of this id (in hexadecimal) keeps what its own directory does not take, laid out the same: on the node of
// the rank that conducted its end, in TMPDIR, else /tmp. 0700, and made only then.
JobDirectory ElsewhereOf(const std::string& job_id);

// The asking side; any host that sees the directory. ESRCH where nobody takes the request (that takes a few seconds to
// tell; longer where ready.json says that something might: rank 0 may be lost, and a deputy still to take over).
// ETIMEDOUT where it was taken, but not answered in time. ENOSPC where the disk takes not even a name; any other error
// of a control/ that can't be written. `has_died`, looked at now and then, may know that nobody is left to answer:
// ESRCH.
Result<Json> AskJob(
    const JobDirectory& job, const Json& request, Duration timeout,
    const std::function<bool()>& has_died = [] { return false; });

// How a process outside the job waits for something in its directory, which may be on any file system: there is nothing
// to wait on, so it looks again every 50 ms.
void PauseBetweenLooks();

// The answering side.
struct ControlRequest {
  std::string id;
  Json body;
};
std::vector<ControlRequest> TakeRequests(const JobDirectory& job);  // and removes them
Status Answer(const JobDirectory& job, const std::string& id, const Json& answer);

}  // namespace copper
