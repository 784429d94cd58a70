#include "copper/jobdir/last_reason.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "copper/base/files.h"
#include "copper/base/unique_fd.h"

namespace copper {

Status RecordReason(const JobDirectory& job, const std::string& host, int pid, const std::string& reason) {
  const std::string path = job.reason_file(host, pid);
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file && errno == EEXIST) return {};
  if (!file) return FailErrno("cannot create " + path);
  const std::string line = reason + "\n";
  if (write(file.get(), line.data(), line.size()) < 0) return FailErrno("cannot write " + path);
  return {};
}

std::vector<std::string> ReadReasons(const JobDirectory& job) {
  const std::string suffix = std::filesystem::path(job.reason_file("", 0)).filename().string().substr(2);  // "-0..."
  std::vector<std::string> reasons;
  std::error_code failed;
  for (std::filesystem::directory_iterator it(job.logs(), failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(suffix)) continue;
    std::string reason = ReadWholeFile(it->path().string()).value_or("");
    while (reason.ends_with('\n')) reason.pop_back();
    // A full disk leaves the name alone: HOST-PID.
    if (reason.empty()) reason = name.substr(0, name.size() - suffix.size()) + ": no reason could be written";
    reasons.push_back(std::move(reason));
  }
  std::ranges::sort(reasons);
  return reasons;
}

}  // namespace copper
