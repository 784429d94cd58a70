#include "copper/jobdir/place.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <mutex>

#include "copper/base/files.h"
#include "copper/base/ids.h"
#include "copper/base/mount_info.h"
#include "copper/base/process_stat.h"
#include "copper/jobdir/last_reason.h"

namespace copper {

std::string NameOf(uid_t user) {
  const passwd* const entry = getpwuid(user);
  return entry == nullptr ? std::to_string(user) : std::string(entry->pw_name) + " (" + std::to_string(user) + ")";
}

namespace {

constexpr auto kFindTime = std::chrono::seconds(10);

Result<Json> ReadJsonObject(const std::string& path) {
  const Result<std::string> text = ReadWholeFile(path);
  if (!text) return std::unexpected(text.error());
  Result<Json> json = ParseJson(*text);
  if (json && !json->is_object()) return Fail(EINVAL, path + " is no JSON object");
  return json;
}

// When a process started; 0 where there is none, or only its corpse.
uint64_t StartOf(int pid) {
  const Result<ProcessStat> stat = ReadProcessStat(pid);
  return stat && !stat->IsCorpse() ? stat->started : 0;
}

struct RankProcess {
  size_t rank = 0;
  std::string host;
  int pid = 0;
  std::string mount{};
  bool IsHere() const { return host == ShortHost(); }
  // Only where it is here.
  bool IsAlive() const { return StartOf(pid) != 0; }
  bool IsStopped() const {
    const Result<ProcessStat> stat = ReadProcessStat(pid);
    return stat && stat->IsStopped();
  }
  std::string Name() const {
    return "rank " + std::to_string(rank) + " on " + host + ", process " + std::to_string(pid);
  }
};

// Those of a job that has not ended in order: it would have removed its ready.json.
std::vector<RankProcess> ProcessesOf(const Json& ready) {
  const Json hosts = ready.value("hosts", Json::array());
  const Json pids = ready.value("pids", Json::array());
  const Json mounts = ready.value("mounts", Json::array());
  std::vector<RankProcess> processes;
  if (!hosts.is_array() || !pids.is_array()) return processes;
  for (size_t rank = 0; rank < std::min(hosts.size(), pids.size()); ++rank) {
    if (!hosts[rank].is_string() || !pids[rank].is_number_integer()) continue;
    processes.push_back({rank, hosts[rank].get<std::string>(), pids[rank].get<int>()});
    const bool has_mount = mounts.is_array() && rank < mounts.size() && mounts[rank].is_string();
    if (has_mount) processes.back().mount = mounts[rank].get<std::string>();
  }
  return processes;
}

std::string DescribeProcesses(const JobDirectory& job, const std::string& reasons) {
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  if (!ready) return "";
  std::string lines;
  for (const RankProcess& process : ProcessesOf(*ready)) {
    const std::string who = process.Name() + ": ";
    if (!process.IsHere() || reasons.contains(who)) continue;
    lines += "\n  " + who + (process.IsAlive() ? "is there" : "is gone without a trace");
  }
  return lines;
}

// Whose job a place is of, where that is somebody else: a mount, whose root nobody else may even look at, by the mount
// table; a job directory by whom its requests belong to, or itself.
std::optional<std::string> OtherUserOf(const std::string& path) {
  if (geteuid() == 0) return std::nullopt;
  std::error_code failed;
  const std::string point = std::filesystem::absolute(path, failed).lexically_normal().string();
  for (const MountInfo& mount : ReadMountInfo().value_or(std::vector<MountInfo>())) {
    const int64_t user = UserOf(mount);
    if (mount.type != kCopperType || mount.point != point || user < 0) continue;
    if (static_cast<uid_t>(user) != geteuid()) return NameOf(static_cast<uid_t>(user));
  }
  const JobDirectory job(path);
  struct stat found{};
  const bool is_job = stat(job.control().c_str(), &found) == 0 || (errno == EACCES && stat(path.c_str(), &found) == 0);
  if (!is_job || found.st_uid == geteuid()) return std::nullopt;
  return NameOf(found.st_uid);
}

}  // namespace

Result<Place> FindJob(const std::string& path) {
  const Watchdog watchdog(kFindTime, path +
                                         " does not answer: if it is a mount, its daemon is frozen or overloaded; use "
                                         "the job directory instead");
  if (Result<Json> status = ReadJsonObject(path + "/.copper/status.json")) {
    JobDirectory job(TextOf(*status, "job_directory"));
    return Place{path, std::move(*status), std::move(job)};
  }
  const int failed = errno;
  if (const std::optional<std::string> user = OtherUserOf(path)) {
    return Fail(EACCES, path + ": this job is of user " + *user + ", who alone may ask it");
  }
  errno = failed;
  Place place{path, std::nullopt, JobDirectory(path)};
  if (access(place.job.control().c_str(), F_OK) == 0 || access(place.job.logs().c_str(), F_OK) == 0) return place;
  const int absent = errno;
  if (place.job.IsLocked()) return place;
  errno = absent;
  if (errno == ENOTCONN || errno == ECONNABORTED)
    return Fail(ENOTCONN, "nothing running: " + path + " is the mount of a daemon that has died; the next " +
                              "start there takes it away, or fusermount3 -uz " + path);
  if (errno == EACCES) return Fail(EACCES, "cannot look into " + path + ": is it somebody else's?");
  if (access(path.c_str(), F_OK) != 0) {
    return Fail(ENOENT, "nothing running: there is no " + path +
                            " (if it was removed while its job runs, give a mount of the job instead)");
  }
  return Fail(ENOENT, "nothing running: " + path + " is neither a job directory nor the mount of a running job");
}

bool IsRecorded(const JobDirectory& job, const std::string& id) {
  if (job.root().empty()) return false;
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  return ready && TextOf(*ready, "job") == id;
}

std::optional<Exit> ReadExit(const JobDirectory& job) {
  const Result<Json> record = ReadJsonObject(job.exit_file());
  if (!record) return std::nullopt;
  const auto status = record->find("status");
  return Exit{status != record->end() && status->is_number_integer() ? status->get<int>() : 1,
              TextOf(*record, "reason"), !record->value("lost", Json::array()).empty()};
}

std::string DescribeRemains(const JobDirectory& job) {
  std::string remains;
  if (const std::optional<Exit> exit = ReadExit(job)) remains += "\n  the last job here ended: " + exit->reason;
  std::string reasons;
  for (const std::string& reason : ReadReasons(job)) reasons += "\n  " + reason;
  return remains + reasons + DescribeProcesses(job, reasons);
}

namespace {

bool IsCalled(std::string_view name, pid_t process) {
  const Result<std::string> called = ReadWholeFile("/proc/" + std::to_string(process) + "/comm");
  return called && *called == std::string(name) + "\n";
}

// Whether that process is what a rank is started by, and not what has adopted an orphan.
bool IsParent(pid_t process) {
  return IsCalled("copper-parent", process);
}

// What shows that a job runs here, though it does not answer.
struct SignsOfLife {
  std::vector<RankProcess> there, stopped;  // daemons on this host: those that run, and those that somebody has stopped
  bool is_locked = false;                   // by rank 0, wherever that is
  std::string moved_from;                   // the directory that the job was given, where that is not this one

  explicit operator bool() const { return is_locked || !there.empty() || !stopped.empty(); }
  std::string Text() const {
    if (!there.empty()) return there.front().Name() + ", is there";
    if (!stopped.empty()) return stopped.front().Name() + ", is stopped";
    return "its first rank holds the lock of the directory";
  }
};

SignsOfLife LookForLife(const JobDirectory& job) {
  SignsOfLife signs;
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  const bool sees_processes = ready && TextOf(*ready, "pid_namespace") == Namespace("pid");
  for (const RankProcess& process : sees_processes ? ProcessesOf(*ready) : std::vector<RankProcess>()) {
    if (!process.IsHere() || !process.IsAlive() || !IsCalled("cu_fuse", process.pid)) continue;
    (process.IsStopped() ? signs.stopped : signs.there).push_back(process);
  }
  signs.is_locked = job.IsLocked();
  const std::string given = ready ? TextOf(*ready, "directory") : "";
  if (!given.empty() && JobDirectory(given).Id() != job.Id()) signs.moved_from = given;
  return signs;
}

// Why nobody takes requests, and what to do before anything else.
std::string WhyNotAsked(const JobDirectory& job, const SignsOfLife& signs) {
  if (!signs.moved_from.empty()) {
    return "its requests are taken in " + signs.moved_from + ", where this directory was when it began: move it back";
  }
  if (access(job.control().c_str(), F_OK) != 0) {
    return job.control() + ", where it takes requests, is gone: make it again (mkdir -m 700 " + job.control() + ")";
  }
  if (signs.stopped.empty()) return "it takes no requests: its first ranks may be frozen, or their node may hang";
  std::string stopped;
  for (const RankProcess& process : signs.stopped) stopped += " " + std::to_string(process.pid);
  return "it takes no requests while ranks are stopped: continue them (kill -CONT" + stopped + ")";
}

}  // namespace

Result<Json> Ask(const JobDirectory& job, const Json& request, Duration timeout, const Processes& processes) {
  Result<Json> answer = AskJob(job, request, timeout, [&processes] { return processes.HaveEnded(); });
  if (answer || answer.error().code != ESRCH) return answer;
  const SignsOfLife signs = LookForLife(job);
  if (!signs) return answer;
  // A mount whose daemon is stopped does not answer either.
  const bool none_answers = signs.there.empty() && !signs.stopped.empty();
  const std::string mount = none_answers
                                ? ""
                                : ", or give a mount of the job instead" +
                                      (signs.there.empty() ? std::string() : " (" + signs.there.front().mount + ")");
  return Fail(EBUSY, "a job runs in " + job.root() + " (" + signs.Text() + "), but " + WhyNotAsked(job, signs) + mount +
                         ", or end its launcher");
}

Processes::Processes(const JobDirectory& job) {
  if (job.root().empty()) return;
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  if (!ready) return;
  const std::vector<RankProcess> all = ProcessesOf(*ready);
  const bool sees_processes = TextOf(*ready, "pid_namespace") == Namespace("pid");
  for (const RankProcess& process : all) {
    const auto mount = process.IsHere() ? OwnMountAt(process.mount) : std::nullopt;
    const int pid = sees_processes ? process.pid : 0;
    if (mount) mounts_.push_back({{process.Name(), pid, StartOf(pid)}, process.mount, mount->id});
  }
  if (!sees_processes) return;
  all_here_ = !all.empty() && std::ranges::all_of(all, &RankProcess::IsHere);
  for (const RankProcess& process : all) {
    if (!process.IsHere()) continue;
    here_.push_back({process.Name(), process.pid, StartOf(process.pid)});
    const Result<ProcessStat> stat = ReadProcessStat(process.pid);
    if (!stat || !IsParent(stat->parent)) continue;
    parents_.push_back({"the parent of " + process.Name() + ", process " + std::to_string(stat->parent), stat->parent,
                        StartOf(stat->parent)});
  }
}

bool Processes::HaveEnded() const {
  return all_here_ && StillThere(here_).empty();
}

std::vector<Processes::RemainingMount> Processes::RemainingMounts() const {
  std::vector<RemainingMount> there;
  for (const Mounted& mount : mounts_) {
    const int pid = StillThere({mount.daemon}).empty() ? 0 : mount.daemon.pid;
    const auto now = OwnMountAt(mount.point);
    if (now && now->id == mount.id) there.push_back({mount.point, mount.daemon.name, pid});
  }
  return there;
}

std::vector<Processes::Remaining> Processes::StillThere(const std::vector<Process>& processes) {
  std::vector<Remaining> there;
  for (const Process& process : processes) {
    const Result<ProcessStat> stat = ReadProcessStat(process.pid);
    if (!stat || stat->IsCorpse() || stat->started != process.started) continue;
    there.push_back({process.name, stat->IsStopped()});
  }
  return there;
}

std::vector<Processes::Remaining> Processes::RemainingAfter(Duration patience) const {
  const TimePoint deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    std::vector<Remaining> there = StillThere(here_);
    std::ranges::copy_if(StillThere(parents_), std::back_inserter(there), &Remaining::is_stopped);
    if (there.empty() || std::chrono::steady_clock::now() >= deadline) return there;
    PauseBetweenLooks();
  }
}

Watchdog::Watchdog(std::chrono::duration<double> seconds, std::string message)
    : thread_([seconds, message = std::move(message)](const std::stop_token& over) {
        std::mutex mutex;
        std::condition_variable_any waiting;  // a Condition takes no stop_token
        std::unique_lock lock(mutex);
        waiting.wait_for(lock, over, seconds, [] { return false; });
        if (over.stop_requested()) return;
        std::fprintf(stderr, "copper: %s\n", message.c_str());
        _exit(1);
      }) {}

std::string FileStamp(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
         std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace copper
