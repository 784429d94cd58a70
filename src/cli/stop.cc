// copper stop: ends the job on every node, and returns when it has ended.

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "cli/verbs.h"
#include "copper/base/control_ioctl.h"
#include "copper/base/files.h"
#include "copper/base/process_stat.h"
#include "copper/base/unique_fd.h"
#include "copper/jobdir/place.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;
namespace {

constexpr auto kProcessesEnd = std::chrono::seconds(4);
constexpr auto kMountGoes = std::chrono::seconds(5);
constexpr auto kMargin = kProcessesEnd + std::chrono::seconds(2);

// Well; but who waits for the job should know that some rank did not.
int Ended(const std::string& reason, bool lost_ranks) {
  if (lost_ranks) std::fprintf(stderr, "copper: the job has ended: %s\n", reason.c_str());
  return 0;
}

// The job's last acts come before the end of its processes. What is stopped, or the kernel does not let go (a thread
// that waits for a source which answers nothing), is not to be missed by whoever looks for the job's remains.
void NameRemaining(const Processes& processes) {
  for (const auto& [name, is_stopped] : processes.RemainingAfter(kProcessesEnd)) {
    const char* why = is_stopped
                          ? "it is stopped, and ends when it is continued (kill -CONT)"
                          : "the kernel holds a thread of it, which waits for the source; it goes when that answers";
    std::fprintf(stderr, "copper: the job has ended, but %s, is still there: %s\n", name.c_str(), why);
  }
}

// Whether none is left. What the job has said of a mount is not said again.
bool NameRemainingMounts(const Processes& processes, const std::string& said) {
  const std::vector<Processes::RemainingMount> mounts = processes.RemainingMounts();
  for (const auto& [point, name, pid] : mounts) {
    if (said.contains(point + " on ")) continue;
    const std::string resume = pid == 0 ? "" : "kill -CONT " + std::to_string(pid) + ", or ";
    std::fprintf(stderr, "copper: the job has ended, but %s is still mounted (%s): %sfusermount3 -uz %s\n",
                 point.c_str(), name.c_str(), resume.c_str(), point.c_str());
  }
  return mounts.empty();
}

// What the job has said of its end, and what is to be seen here.
int Conclude(const Exit& exit, const Processes& processes) {
  NameRemaining(processes);
  const bool all_unmounted = NameRemainingMounts(processes, exit.reason);
  if (exit.status != 0) return Refuse("the job has ended, but not well: " + exit.reason);
  return std::max(Ended(exit.reason, exit.lost_ranks), all_unmounted ? 0 : 1);
}

// Whoever was to answer is gone (its launcher was killed, say): what the job has recorded of its end counts.
int WithoutAnswer(const JobDirectory& job, const Processes& processes, const std::string& exit_before,
                  const Error& error) {
  const std::string recorded = FileStamp(job.exit_file());
  const std::optional<Exit> exit = ReadExit(job);
  if (!exit || recorded.empty() || recorded == exit_before) {
    const bool all_ended = processes.HaveEnded();
    return Refuse(all_ended && error.code == ETIMEDOUT
                      ? "the job in " + job.root() + " has died meanwhile: none of its processes is left" +
                            DescribeRemains(job)
                      : error.Describe() + DescribeRemains(job));
  }
  return Conclude(*exit, processes);
}

double Seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The record of an end that was over when this was asked. One that is younger than this process is not, though it may
// be there already: of several who ask at once some come to look when the job has ended for the others.
std::string ExitBefore(const JobDirectory& job) {
  struct stat found{};
  const Result<ProcessStat> self = ReadProcessStat(getpid());
  if (stat(job.exit_file().c_str(), &found) != 0 || !self) return "";
  timespec now{};
  timespec up{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &up);
  const double lives_since = static_cast<double>(self->started) / static_cast<double>(sysconf(_SC_CLK_TCK));
  const double age = Seconds(up) - lives_since;
  const bool is_younger = Seconds(found.st_mtim) >= Seconds(now) - age;
  return is_younger ? "" : FileStamp(job.exit_file());
}

int StopByDirectory(const JobDirectory& job, Duration timeout) {
  const Processes processes(job);
  const std::string exit_before = ExitBefore(job);
  const Result<Json> answer = Ask(job, {{"verb", "stop"}}, timeout, processes);
  if (!answer) return WithoutAnswer(job, processes, exit_before, answer.error());
  const std::string message = answer->value("message", std::string("no reason given"));
  return Conclude({answer->value("ok", false) ? 0 : 1, message, !answer->value("whole", true)}, processes);
}

// The device changes when the mount is gone, and the directory with it if Copper had made it.
std::optional<dev_t> DeviceOf(const std::string& path) {
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return std::nullopt;
  return found.st_dev;
}

// Whether the job of a mount has lost its directory: removed, or another job's by now. Where it is not to be seen from
// here, the daemon knows.
bool HasLostDirectory(const Place& place) {
  const Result<std::string> text = ReadWholeFile(place.path + "/.copper/job_directory.json");
  const Result<Json> there = text ? ParseJson(*text) : Fail(ENOENT);
  return there && there->is_object() && there->value("is_gone", Json()) == Json(true);
}

Status SendStop(const std::string& mount) {
  const std::string control = mount + "/.copper/control";
  const UniqueFd file(open(control.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return FailErrno("cannot open " + control);
  if (ioctl(file.get(), kStopCommand) != 0) return FailErrno("cannot stop the job through " + control);
  return {};
}

// How the job ended. Where its directory has been removed, or is another job's by now, only the other place knows.
std::optional<Exit> ReadEnd(const JobDirectory& job, bool is_gone, const JobDirectory& elsewhere) {
  std::optional<Exit> exit;
  if (!is_gone) exit = ReadExit(job);
  return exit ? exit : ReadExit(elsewhere);
}

// Once this host's mount is gone.
int AwaitEnd(const Place& place, bool is_gone, const Processes& processes, TimePoint deadline) {
  const JobDirectory elsewhere(TextOf(*place.mount_status, "elsewhere"));
  const std::string host = TextOf(*place.mount_status, "first_host");
  const std::string there = elsewhere.root() + " on " + host;
  const std::string gone = "its directory " + place.job.root() + " is gone";
  if (is_gone && host != ShortHost())
    return Refuse("the job has ended here, but " + gone + ": look for how it ended, and for its profile, in " + there);
  std::optional<Exit> exit;
  while (!(exit = ReadEnd(place.job, is_gone, elsewhere))) {
    if (std::chrono::steady_clock::now() >= deadline)
      return Refuse("some rank of the job has not ended in time" + (is_gone ? "; " + gone : ""));
    PauseBetweenLooks();
  }
  return Conclude(*exit, processes);
}

int StopByMount(const Place& place, TimePoint deadline) {
  const std::optional<dev_t> device = DeviceOf(place.path);
  const bool job_is_here = IsRecorded(place.job, TextOf(*place.mount_status, "job"));
  const bool is_gone = !job_is_here && HasLostDirectory(place);
  const Processes processes(is_gone ? JobDirectory("") : place.job);
  const Status sent = SendStop(place.path);
  const bool has_gone = !sent && sent.error().code == ENOENT;  // since it was looked at: each mount has that file
  // Somebody else may have ended the job meanwhile: then the mount goes.
  const TimePoint gone_by = sent ? deadline : std::min(deadline, std::chrono::steady_clock::now() + kMountGoes);
  while (!has_gone && DeviceOf(place.path) == device) {
    if (std::chrono::steady_clock::now() >= gone_by)
      return Refuse(sent ? place.path + " is still mounted" : sent.error().Describe());
    PauseBetweenLooks();
  }
  if (!job_is_here && !is_gone) return 0;  // another host's directory: what this host can see has ended
  return AwaitEnd(place, is_gone, processes, deadline);
}

}  // namespace

int Stop(const std::string& place, std::chrono::duration<double> timeout) {
  const auto patience = std::chrono::duration_cast<Duration>(timeout);
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  if (!found->mount_status) return StopByDirectory(found->job, patience);
  return WithDeadline(timeout + kMargin, found->path + " does not answer any more",
                      [&] { return StopByMount(*found, std::chrono::steady_clock::now() + patience); });
}

}  // namespace copper::cli
