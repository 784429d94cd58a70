#include "job.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>

#include "copper/base/files.h"
#include "copper/base/ids.h"
#include "copper/base/last_reason.h"
#include "verbs.h"

namespace copper::postproc {
namespace {

constexpr auto kFindTime = std::chrono::seconds(10);

Result<Json> ReadJsonObject(const std::string& path) {
  const Result<std::string> text = ReadWholeFile(path);
  if (!text) return std::unexpected(text.error());
  Result<Json> json = ParseJson(*text);
  if (json && !json->is_object()) return Fail(EINVAL, path + " is no JSON object");
  return json;
}

struct Process {
  size_t rank = 0;
  std::string host;
  int pid = 0;
  bool IsHere() const { return host == ShortHost(); }
  // Only where it is here.
  bool IsAlive() const { return kill(pid, 0) == 0 || errno == EPERM; }
};

// Those of a job that has not ended in order: it would have removed its ready.json.
std::vector<Process> ProcessesOf(const Json& ready) {
  const Json hosts = ready.value("hosts", Json::array());
  const Json pids = ready.value("pids", Json::array());
  std::vector<Process> processes;
  for (size_t rank = 0; rank < std::min(hosts.size(), pids.size()); ++rank) {
    if (!hosts[rank].is_string() || !pids[rank].is_number_integer()) continue;
    processes.push_back({rank, hosts[rank].get<std::string>(), pids[rank].get<int>()});
  }
  return processes;
}

std::string DescribeProcesses(const JobDirectory& job, const std::string& reasons) {
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  if (!ready) return "";
  std::string lines;
  for (const Process& process : ProcessesOf(*ready)) {
    const std::string who = "rank " + std::to_string(process.rank) + " on " + process.host + ", process " +
                            std::to_string(process.pid) + ": ";
    if (!process.IsHere() || reasons.contains(who)) continue;
    lines += "\n  " + who + (process.IsAlive() ? "is there, but does not answer" : "is gone without a trace");
  }
  return lines;
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
  Place place{path, std::nullopt, JobDirectory(path)};
  if (access(place.job.control().c_str(), F_OK) == 0 || access(place.job.logs().c_str(), F_OK) == 0) return place;
  if (errno == ENOTCONN)
    return Fail(ENOTCONN, "nothing running: " + path + " is the mount of a daemon that has died; the next " +
                              "start there takes it away, or fusermount3 -uz " + path);
  if (errno == EACCES) return Fail(EACCES, "cannot look into " + path + ": is it somebody else's?");
  return Fail(ENOENT, "nothing running: " + path + " is neither a job directory nor the mount of a running job");
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

bool HasDied(const JobDirectory& job) {
  const Result<Json> ready = ReadJsonObject(job.ready_file());
  if (!ready || TextOf(*ready, "pid_namespace") != Namespace("pid")) return false;
  const std::vector<Process> processes = ProcessesOf(*ready);
  const auto may_live = [](const Process& process) { return !process.IsHere() || process.IsAlive(); };
  return !processes.empty() && std::ranges::none_of(processes, may_live);
}

Watchdog::Watchdog(std::chrono::duration<double> seconds, std::string message)
    : thread_([seconds, message = std::move(message)](const std::stop_token& over) {
        std::mutex mutex;
        std::condition_variable_any waiting;
        std::unique_lock lock(mutex);
        waiting.wait_for(lock, over, seconds, [] { return false; });
        if (!over.stop_requested()) _exit(Refuse(message));
      }) {}

std::string FileStamp(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
         std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace copper::postproc
