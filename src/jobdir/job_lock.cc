#include "copper/jobdir/job_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "copper/base/files.h"
#include "copper/jobdir/json.h"

namespace copper {
namespace {

constexpr int kTries = 20;

UniqueFd OpenDirectory(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// A file system without locks grants everything.
bool TryLock(int directory) {
  return flock(directory, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

}  // namespace

Result<UniqueFd> LockJobDirectory(const JobDirectory& job) {
  if (const Status made = job.Make(); !made) return std::unexpected(made.error());
  UniqueFd directory = OpenDirectory(job.root());
  if (!directory) return FailErrno("cannot open the job directory " + job.root());
  // Whoever looks whether a job is running (JobDirectory::IsLocked) has it for a moment.
  bool locked = TryLock(directory.get());
  for (int again = 0; !locked && again < kTries; ++again) {
    PauseBetweenLooks();
    locked = TryLock(directory.get());
  }
  if (!locked) {
    return Fail(EBUSY, "another job is running in " + job.root() + ": give each its own --log-output-dir");
  }
  return directory;
}

JobClaim::JobClaim(JobDirectory job, std::string job_id, UniqueFd locked)
    : job_(std::move(job)),
      job_id_(std::move(job_id)),
      locked_(static_cast<bool>(locked)),
      directory_(locked ? std::move(locked) : OpenDirectory(job_.root())) {}

// Where rank 0 is frozen it has the lock still: then ready.json tells whether another job has begun here since.
bool JobClaim::Holds() {
  return IsSameDirectory() && (HasLock() || IsReadyFileOurs());
}

bool JobClaim::IsSameDirectory() const {
  struct stat ours{};
  struct stat there{};
  return directory_ && fstat(directory_.get(), &ours) == 0 && stat(job_.root().c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

bool JobClaim::HasLock() {
  locked_ = locked_ || TryLock(directory_.get());
  return locked_;
}

bool JobClaim::IsOurs() const {
  return IsSameDirectory() && (locked_ || IsReadyFileOurs() || IsOfThisJob(job_.exit_file()));
}

bool JobClaim::IsOfThisJob(const std::string& file) const {
  const Result<std::string> text = ReadWholeFile(file);
  if (!text) return false;
  const Result<Json> json = ParseJson(*text);
  return json && json->is_object() && json->value("job", Json()) == Json(job_id_);
}

}  // namespace copper
