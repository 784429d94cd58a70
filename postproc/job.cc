#include "job.h"

#include <sys/stat.h>
#include <unistd.h>

#include "copper/base/files.h"

namespace copper::postproc {
namespace {

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

}  // namespace

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

std::string FileStamp(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + ":" + std::to_string(found.st_mtim.tv_sec) + "." +
         std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace copper::postproc
