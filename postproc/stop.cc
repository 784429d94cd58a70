// copper stop: ends the job on every node, and returns when it has ended.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cstdio>

#include "copper/base/control_ioctl.h"
#include "copper/base/files.h"
#include "copper/base/unique_fd.h"
#include "job.h"
#include "verbs.h"

namespace copper::postproc {
namespace {

int StopByDirectory(const JobDirectory& job, Duration timeout) {
  const Result<Json> answer = AskJob(job, {{"verb", "stop"}}, timeout);
  if (!answer) {
    const std::optional<Exit> exit = ReadExit(job);
    const bool ended = answer.error().code == ESRCH && exit;
    return Refuse(ended ? "nothing running in " + job.root() + ": the last job here ended: " + exit->reason
                        : answer.error().Describe());
  }
  if (answer->value("ok", false)) return 0;
  return Refuse("the job has ended, but not well: " + answer->value("message", std::string("no reason given")));
}

// The device changes when the mount is gone, and the directory with it if Copper had made it.
std::optional<dev_t> DeviceOf(const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return std::nullopt;
  return found.st_dev;
}

bool IsJobHere(const JobDirectory& job) {
  return !job.root().empty() && !FileStamp(job.ready_file()).empty();
}

Status SendStop(const std::string& mount) {
  const std::string control = mount + "/.copper/control";
  const UniqueFd file(open(control.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return FailErrno("cannot open " + control);
  if (ioctl(file.get(), kStopCommand) != 0) return FailErrno("cannot stop the job through " + control);
  return {};
}

int StopByMount(const Place& place, TimePoint deadline) {
  const std::optional<dev_t> device = DeviceOf(place.path);
  const bool job_is_here = IsJobHere(place.job);
  if (const Status sent = SendStop(place.path); !sent) return Refuse(sent.error().Describe());
  while (DeviceOf(place.path) == device) {
    if (std::chrono::steady_clock::now() >= deadline) return Refuse(place.path + " is still mounted");
    PauseBetweenLooks();
  }
  if (!job_is_here) return 0;  // another host's directory: what this host can see has ended
  std::optional<Exit> exit;
  while (!(exit = ReadExit(place.job))) {
    if (std::chrono::steady_clock::now() >= deadline) return Refuse("some rank of the job has not ended in time");
    PauseBetweenLooks();
  }
  return exit->status == 0 ? 0 : Refuse("the job has ended, but not well: " + exit->reason);
}

}  // namespace

int Stop(const std::string& place, std::chrono::duration<double> timeout) {
  const auto patience = std::chrono::duration_cast<Duration>(timeout);
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  if (found->mount_status) return StopByMount(*found, std::chrono::steady_clock::now() + patience);
  return StopByDirectory(found->job, patience);
}

}  // namespace copper::postproc
