// copper refresh: makes every node forget a path.

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstdio>

#include "copper/base/control_ioctl.h"
#include "copper/base/file.h"
#include "copper/base/unique_fd.h"
#include "job.h"
#include "verbs.h"

namespace copper::postproc {
namespace {

// Looking for a lost rank takes the job some seconds in each pass.
constexpr auto kTimeout = std::chrono::seconds(60);

int Tell(bool done, const std::string& message) {
  if (!done) return Refuse(message);
  std::printf("%s\n", message.c_str());
  return 0;
}

int RefreshByDirectory(const JobDirectory& job, const std::string& path) {
  const Result<Json> answer = AskJob(job, {{"verb", "refresh"}, {"path", path}}, kTimeout);
  if (answer) return Tell(answer->value("ok", false), answer->value("message", std::string("no reason given")));
  const std::optional<Exit> exit = ReadExit(job);
  const bool ended = answer.error().code == ESRCH && exit;
  return Refuse(ended ? "nothing running in " + job.root() + ": the last job here ended: " + exit->reason
                      : answer.error().Describe());
}

// A path below the mount under the name that it was called by, which may be another than the job knows.
std::string BelowMount(std::string mount, const std::string& path) {
  while (mount.size() > 1 && mount.ends_with('/')) mount.pop_back();
  if (!path.starts_with('/') || !IsAtOrBelow(path, mount)) return path;
  return path.size() == mount.size() ? "/" : path.substr(mount.size());
}

int RefreshByMount(const std::string& mount, const std::string& path) {
  const std::string control = mount + "/.copper/control";
  const UniqueFd file(open(control.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Refuse(FailErrno("cannot open " + control).error().Describe());
  RefreshCommand command;
  const std::string below = BelowMount(mount, path);
  if (below.size() >= sizeof command.text) return Refuse(path + ": File name too long");
  below.copy(command.text, sizeof command.text - 1);
  if (ioctl(file.get(), kRefreshCommand, &command) != 0) {
    return Refuse(FailErrno("cannot refresh through " + control).error().Describe());
  }
  return Tell(command.failed == 0, command.text);
}

}  // namespace

int Refresh(const std::string& place, const std::string& path) {
  if (path.contains('\0')) return Refuse("there is a NUL in this path");
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  return found->mount_status ? RefreshByMount(found->path, path) : RefreshByDirectory(found->job, path);
}

}  // namespace copper::postproc
