// copper wait: until every rank serves, or the job has died.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "cli/verbs.h"
#include "copper/jobdir/last_reason.h"
#include "copper/jobdir/place.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;
namespace {

constexpr auto kPingTimeout = std::chrono::seconds(5);
// A failure that is older than this belongs to an earlier job. A younger one may be that of the job that is waited for,
// which failed before the wait began; unless another job removes it within the time below.
constexpr time_t kFreshFailureS = 10;
constexpr auto kFreshFailureStands = std::chrono::seconds(30);
constexpr auto kFailureIsToldWithin = std::chrono::seconds(5);

bool IsFresh(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0 && std::time(nullptr) - found.st_mtime < kFreshFailureS;
}

std::string Lines(const std::vector<std::string>& reasons) {
  std::string lines;
  for (const std::string& reason : reasons) lines += "\n  " + reason;
  return lines;
}

int Died(const JobDirectory& job, const Exit& exit) {
  if (exit.status == 0) return Refuse("the job has ended: " + exit.reason);
  return Refuse("the job died: " + exit.reason + Lines(ReadReasons(job)));
}

// What was there before the wait began need not be of this job.
struct Before {
  std::string ready;
  std::string exit;
  bool fresh_failure = false;
  std::vector<std::string> reasons;
};

Before LookBefore(const JobDirectory& job) {
  Before before{FileStamp(job.ready_file()), FileStamp(job.exit_file()), false, ReadReasons(job)};
  const std::optional<Exit> exit = ReadExit(job);
  before.fresh_failure = exit && exit->status != 0 && IsFresh(job.exit_file());
  return before;
}

bool HasNewReasons(const JobDirectory& job, const Before& before) {
  const std::vector<std::string> reasons = ReadReasons(job);
  return std::ranges::any_of(reasons, [&](const std::string& reason) {
    return std::ranges::find(before.reasons, reason) == before.reasons.end();
  });
}

// Why no job of this user's can ever be ready there.
std::optional<std::string> WhyNever(const std::string& path) {
  const Result<Place> found = FindJob(path);
  if (found && found->mount_status)
    return path + " is a mount of the job in " + found->job.root() + ": give that directory";
  if (!found && found.error().code != ENOENT) return found.error().Describe();
  struct stat there{};
  const bool is_there = stat(path.c_str(), &there) == 0;
  if (is_there ? !S_ISDIR(there.st_mode) : errno == ENOTDIR)
    return path + " is not a directory: give the job directory (--log-output-dir of cu_fuse)";
  if (!is_there || geteuid() == 0 || there.st_uid == geteuid()) return std::nullopt;
  return path + " belongs to user " + NameOf(there.st_uid) + ": no job of yours can have it for its directory";
}

std::string NotInTime(const JobDirectory& job, const Before& before) {
  std::string message = "the job in " + job.root() + " is not ready in time";
  if (!before.ready.empty()) message += "; its ready.json is left from a job that does not answer any more";
  return message + DescribeRemains(job);
}

}  // namespace

int Wait(const std::string& job_directory, std::chrono::duration<double> timeout) {
  const JobDirectory job(job_directory);
  if (const std::optional<std::string> why = WhyNever(job_directory)) return Refuse(*why);
  const TimePoint begin = std::chrono::steady_clock::now();
  const TimePoint deadline = begin + std::chrono::duration_cast<Duration>(timeout);
  const Before before = LookBefore(job);
  if (!before.ready.empty() && AskJob(job, {{"verb", "ping"}}, kPingTimeout)) return 0;
  std::optional<TimePoint> failed;  // a rank has, since the wait began: the job will say so itself, if it still can
  while (std::chrono::steady_clock::now() < deadline) {
    if (!failed && HasNewReasons(job, before)) failed = std::chrono::steady_clock::now();
    if (failed && std::chrono::steady_clock::now() > *failed + kFailureIsToldWithin)
      return Refuse("the job died:" + Lines(ReadReasons(job)));
    const std::string ready = FileStamp(job.ready_file());
    if (!ready.empty() && ready != before.ready) return 0;
    const std::string ended = FileStamp(job.exit_file());
    const bool stands = before.fresh_failure && std::chrono::steady_clock::now() > begin + kFreshFailureStands;
    if (!ended.empty() && (ended != before.exit || stands)) {
      if (const std::optional<Exit> exit = ReadExit(job)) return Died(job, *exit);
    }
    PauseBetweenLooks();
  }
  return Refuse(NotInTime(job, before));
}

}  // namespace copper::cli
