#include "copper/base/job_directory.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <thread>

#include "copper/base/files.h"
#include "copper/base/ids.h"

namespace copper {
namespace {

constexpr std::string_view kRequestSuffix = ".request";
constexpr std::string_view kReasonSuffix = "-last_reason.txt";
constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr auto kTakenWithin = std::chrono::seconds(5);  // a living job looks once a second

// Waits until the job has removed the request, which it does when it takes it.
bool IsTaken(const std::string& request, TimePoint deadline) {
  while (access(request.c_str(), F_OK) == 0) {
    if (std::chrono::steady_clock::now() >= deadline) return unlink(request.c_str()) != 0;
    PauseBetweenLooks();
  }
  return true;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

std::vector<std::string> NamesEndingIn(const std::string& directory, std::string_view suffix) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> open(opendir(directory.c_str()));
  if (!open) return names;
  while (const dirent* entry = readdir(open.get())) {
    const std::string_view name = entry->d_name;
    if (name.ends_with(suffix)) names.emplace_back(name);
  }
  return names;
}

Status MakePrivateDirectory(const std::string& path) {
  if (const Status made = MakeDirectories(path); !made) return made;
  struct stat found{};
  if (lstat(path.c_str(), &found) != 0) return FailErrno("cannot look at " + path);
  if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid()) {
    return Fail(EPERM, path + " belongs to somebody else: choose another --log-output-dir");
  }
  if (chmod(path.c_str(), 0700) != 0) return FailErrno("cannot make " + path + " private");
  return {};
}

}  // namespace

void PauseBetweenLooks() {
  std::this_thread::sleep_for(kPoll);
}

std::string JobDirectory::log_file(const std::string& host, int pid) const {
  return logs() + "/" + host + "-" + std::to_string(pid) + "-output.log";
}

std::string JobDirectory::reason_file(const std::string& host, int pid) const {
  return logs() + "/" + host + "-" + std::to_string(pid) + std::string(kReasonSuffix);
}

Status JobDirectory::Prepare() const {
  if (const Status made = MakeDirectories(logs()); !made) return made;
  if (const Status made = MakePrivateDirectory(control()); !made) return made;
  for (const std::string& file : {ready_file(), exit_file()}) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT) return FailErrno("cannot remove " + file + " of an earlier job");
  }
  for (const std::string& name : NamesEndingIn(control(), kRequestSuffix)) unlink((control() + "/" + name).c_str());
  for (const std::string& name : NamesEndingIn(logs(), kReasonSuffix)) unlink((logs() + "/" + name).c_str());
  if (access(logs().c_str(), W_OK) != 0) return FailErrno("cannot write into " + logs());
  return {};
}

Result<Json> AskJob(const JobDirectory& job, const Json& request, Duration timeout) {
  const Result<JobIdentity> random = JobIdentity::Random();
  if (!random) return std::unexpected(random.error());
  const TimePoint begin = std::chrono::steady_clock::now();
  const std::string base = job.control() + "/" + ToHex(random->id);
  const std::string asked = base + std::string(kRequestSuffix);
  const std::string answer = base + ".answer";
  const Status written = WriteWholeFile(asked, request.dump(), 0600);
  if (!written) return Fail(ESRCH, "nothing running in " + job.root() + " (" + written.error().Describe() + ")");
  if (!IsTaken(asked, begin + std::min<Duration>(timeout, kTakenWithin))) {
    return Fail(ESRCH, "nothing running in " + job.root() + ": nobody takes requests there");
  }
  while (std::chrono::steady_clock::now() < begin + timeout) {
    if (const Result<std::string> text = ReadWholeFile(answer)) {
      unlink(answer.c_str());
      return ParseJson(*text);
    }
    PauseBetweenLooks();
  }
  return Fail(ETIMEDOUT, "the job in " + job.root() + " has taken the request, but not answered in time");
}

std::vector<ControlRequest> TakeRequests(const JobDirectory& job) {
  std::vector<ControlRequest> requests;
  for (const std::string& name : NamesEndingIn(job.control(), kRequestSuffix)) {
    const std::string path = job.control() + "/" + name;
    const Result<std::string> text = ReadWholeFile(path);
    unlink(path.c_str());
    if (!text) continue;
    if (Result<Json> body = ParseJson(*text); body && body->is_object()) {
      requests.push_back({name.substr(0, name.size() - kRequestSuffix.size()), std::move(*body)});
    }
  }
  return requests;
}

Status Answer(const JobDirectory& job, const std::string& id, const Json& answer) {
  return WriteWholeFile(job.control() + "/" + id + ".answer", answer.dump(), 0600);
}

}  // namespace copper
