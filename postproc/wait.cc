// copper wait: until every rank serves, or the job has died.

#include <sys/stat.h>

#include <cstdio>
#include <ctime>

#include "copper/base/files.h"
#include "job.h"
#include "verbs.h"

namespace copper::postproc {
namespace {

constexpr auto kPingTimeout = std::chrono::seconds(5);
// A failure that is older than this belongs to an earlier job. A younger one may be that of the job that is waited for,
// which failed before the wait began; unless another job removes it within the time below.
constexpr time_t kFreshFailureS = 10;
constexpr auto kFreshFailureStands = std::chrono::seconds(30);

bool IsFresh(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && std::time(nullptr) - found.st_mtime < kFreshFailureS;
}

int Died(const Exit& exit) {
  if (exit.status == 0) return Refuse("the job has ended: " + exit.reason);
  return Refuse("the job died: " + exit.reason);
}

// What was there before the wait began need not be of this job.
struct Before {
  std::string ready;
  std::string exit;
  bool fresh_failure = false;
};

Before LookBefore(const JobDirectory& job) {
  Before before{FileStamp(job.ready_file()), FileStamp(job.exit_file()), false};
  const std::optional<Exit> exit = ReadExit(job);
  before.fresh_failure = exit && exit->status != 0 && IsFresh(job.exit_file());
  return before;
}

std::string NotInTime(const JobDirectory& job, const Before& before) {
  std::string message = "the job in " + job.root() + " is not ready in time";
  if (!before.ready.empty()) message += "; its ready.json is left from a job that does not answer any more";
  if (const std::optional<Exit> exit = ReadExit(job)) message += "; the last job here ended: " + exit->reason;
  return message;
}

}  // namespace

int Wait(const std::string& job_directory, std::chrono::duration<double> timeout) {
  const JobDirectory job(job_directory);
  const TimePoint begin = std::chrono::steady_clock::now();
  const TimePoint deadline = begin + std::chrono::duration_cast<Duration>(timeout);
  const Before before = LookBefore(job);
  if (!before.ready.empty() && AskJob(job, {{"verb", "ping"}}, kPingTimeout)) return 0;
  while (std::chrono::steady_clock::now() < deadline) {
    const std::string ready = FileStamp(job.ready_file());
    if (!ready.empty() && ready != before.ready) return 0;
    const std::string ended = FileStamp(job.exit_file());
    const bool stands = before.fresh_failure && std::chrono::steady_clock::now() > begin + kFreshFailureStands;
    if (!ended.empty() && (ended != before.exit || stands)) {
      if (const std::optional<Exit> exit = ReadExit(job)) return Died(*exit);
    }
    PauseBetweenLooks();
  }
  return Refuse(NotInTime(job, before));
}

}  // namespace copper::postproc
