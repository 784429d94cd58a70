#include "copper/jobdir/job_record.h"

#include <unistd.h>

#include <cstring>

#include "copper/base/files.h"
#include "copper/jobdir/json.h"
#include "copper/jobdir/last_reason.h"

namespace copper {
JobRecord::JobRecord(JobDirectory job, std::string host, Rank rank)
    : job_(std::move(job)), host_(std::move(host)), rank_(rank) {}

bool JobRecord::MayWrite() const {
  if (ours_) return true;
  if (leaves_nothing_) return false;
  return CheckJobDirectory(job_.root()) && job_.Make() && !job_.IsLocked() && MakeDirectories(job_.logs(), 0700);
}

std::string JobRecord::Here(int pid) const {
  return "rank " + std::to_string(rank_) + " on " + host_ + ", process " + std::to_string(pid) + ": ";
}

void JobRecord::Reason(const std::string& reason) const {
  if (!MayWrite()) return;
  [[maybe_unused]] const Status recorded = RecordReason(job_, host_, getpid(), Here(getpid()) + reason);
}

JobRecord::ReasonPlace JobRecord::PlaceOfReason() const {
  return {job_.reason_file(host_, getpid()), Here(getpid())};
}

std::string JobRecord::ExitText(int status, const std::string& reason, const std::set<Rank>& lost) const {
  Json record = {{"status", status}, {"reason", reason}, {"lost", lost}};
  if (ours_) record["job"] = job_id_;
  return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Status JobRecord::Exit(int status, const std::string& reason, const std::set<Rank>& lost) const {
  if (!MayWrite()) return {};
  return WriteWholeFile(job_.exit_file(), ExitText(status, reason, lost));
}

// Whole before it has its name, and by a link, which takes no name that is there.
Status JobRecord::ExitAlone(int status, const std::string& reason, const std::set<Rank>& lost) const {
  if (!MayWrite()) return {};
  const std::string own = job_.exit_file() + "." + host_ + "-" + std::to_string(getpid());
  if (const Status written = WriteWholeFile(own, ExitText(status, reason, lost)); !written) return written;
  const bool linked = link(own.c_str(), job_.exit_file().c_str()) == 0;
  const Status recorded = linked ? Status() : FailErrno("cannot record the end in " + job_.exit_file());
  unlink(own.c_str());
  return recorded;
}

void JobRecord::Death(int pid, int signal) const {
  const std::string how = signal != 0
                              ? "ended by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")"
                              : std::string("ended without a word, and its parent with it: killed by the launcher?");
  ReasonOf(pid, how);
}

void JobRecord::Remains(int pid) const {
  ReasonOf(pid, "has ended, but its process remains: the kernel holds a thread of it until the source answers");
}

void JobRecord::Unmounted(int pid) const {
  if (!MayWriteOfTheDead()) return;
  [[maybe_unused]] const Status recorded = MakeEmptyFile(job_.unmounted_file(host_, pid));
}

bool JobRecord::MayWriteOfTheDead() const {
  if (leaves_nothing_) return false;
  return access(job_.logs().c_str(), W_OK) == 0 || (!makes_nothing_ && MayWrite());
}

void JobRecord::ReasonOf(int pid, const std::string& how) const {
  if (!MayWriteOfTheDead()) return;
  [[maybe_unused]] const Status recorded = RecordReason(job_, host_, pid, Here(pid) + how);
}

}  // namespace copper
