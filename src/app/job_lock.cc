#include "app/job_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include "app/checks.h"
#include "copper/base/files.h"
#include "copper/base/json.h"

namespace copper::app {

Result<UniqueFd> LockJobDirectory(const JobDirectory& job) {
  if (const Status made = MakeDirectories(job.root()); !made) return std::unexpected(made.error());
  UniqueFd directory(open(job.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("cannot open the job directory " + job.root());
  if (flock(directory.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Fail(EBUSY, "another job is running in " + job.root() + ": give each its own --log-output-dir");
  }
  return directory;
}

Status RecordExit(const JobDirectory& job, int status, const std::string& reason) {
  const Json record = {{"status", status}, {"reason", reason}};
  return WriteWholeFile(job.exit_file(), record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void RecordFailedStart(const JobDirectory& job, int status, const std::string& reason) {
  if (!CheckJobDirectory(job.root())) return;
  const Result<UniqueFd> lock = LockJobDirectory(job);
  if (!lock || !MakeDirectories(job.logs())) return;
  // What can't be written has been printed already.
  [[maybe_unused]] const Status recorded = RecordExit(job, status, reason);
}

}  // namespace copper::app
