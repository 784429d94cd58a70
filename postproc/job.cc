#include "job.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "copper/base/files.h"
#include "copper/base/ids.h"

namespace copper::postproc {
namespace {

constexpr auto kTakenWithin = std::chrono::seconds(5);
constexpr auto kPoll = std::chrono::milliseconds(50);

std::string TextOf(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<Json> ReadJsonObject(const std::string& path) {
  const Result<std::string> text = ReadWholeFile(path);
  if (!text) return std::unexpected(text.error());
  Result<Json> json = ParseJson(*text);
  if (json && !json->is_object()) return Fail(EINVAL, path + " is no JSON object");
  return json;
}

// Waits until the job has removed the request, which it does when it takes it.
bool IsTaken(const std::string& request, TimePoint deadline) {
  while (access(request.c_str(), F_OK) == 0) {
    if (std::chrono::steady_clock::now() >= deadline) return unlink(request.c_str()) != 0;
    Pause();
  }
  return true;
}

}  // namespace

void Pause() {
  std::this_thread::sleep_for(kPoll);
}

Result<Place> FindJob(const std::string& path) {
  if (Result<Json> status = ReadJsonObject(path + "/.copper/status.json")) {
    JobDirectory job(TextOf(*status, "job_directory"));
    return Place{path, std::move(*status), std::move(job)};
  }
  Place place{path, std::nullopt, JobDirectory(path)};
  if (access(place.job.control().c_str(), F_OK) == 0 || access(place.job.logs().c_str(), F_OK) == 0) return place;
  if (errno == ENOTCONN) return Fail(ENOTCONN, "nothing running: " + path + " is the mount of a daemon that has died");
  if (errno == EACCES) return Fail(EACCES, "cannot look into " + path + ": is it somebody else's?");
  return Fail(ENOENT, "nothing running: " + path + " is neither a job directory nor the mount of a running job");
}

std::optional<Exit> ReadExit(const JobDirectory& job) {
  const Result<Json> record = ReadJsonObject(job.exit_file());
  if (!record) return std::nullopt;
  const auto status = record->find("status");
  return Exit{status != record->end() && status->is_number_integer() ? status->get<int>() : 1,
              TextOf(*record, "reason")};
}

Result<Json> Ask(const JobDirectory& job, const std::string& verb, Duration timeout) {
  const Result<JobIdentity> random = JobIdentity::Random();
  if (!random) return std::unexpected(random.error());
  const TimePoint begin = std::chrono::steady_clock::now();
  const std::string base = job.control() + "/" + ToHex(random->id);
  const Status written = WriteWholeFile(base + ".request", Json{{"verb", verb}}.dump(), 0600);
  if (!written) return Fail(ESRCH, "nothing running in " + job.root() + " (" + written.error().Describe() + ")");
  if (!IsTaken(base + ".request", begin + std::min<Duration>(timeout, kTakenWithin))) {
    return Fail(ESRCH, "nothing running in " + job.root() + ": nobody takes requests there");
  }
  while (std::chrono::steady_clock::now() < begin + timeout) {
    if (const Result<std::string> answer = ReadWholeFile(base + ".answer")) {
      unlink((base + ".answer").c_str());
      return ParseJson(*answer);
    }
    Pause();
  }
  return Fail(ETIMEDOUT,
              "the job in " + job.root() + " has taken the request '" + verb + "', but not answered in time");
}

std::string FileStamp(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
         std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace copper::postproc
