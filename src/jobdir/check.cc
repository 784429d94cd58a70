#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "copper/base/path.h"
#include "copper/jobdir/job_directory.h"

namespace copper {
namespace {

std::optional<struct stat> Look(const std::string& path, bool follow) {
  struct stat found{};
  const int failed = follow ? stat(path.c_str(), &found) : lstat(path.c_str(), &found);
  if (failed != 0) return std::nullopt;
  return found;
}

// Whoever owns a symlink on the way decides where the job directory is.
Status CheckSymlinks(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    const auto found = Look(part, /*follow=*/false);
    if (found && S_ISLNK(found->st_mode) && found->st_uid != geteuid() && found->st_uid != 0) {
      return Fail(EPERM, "the job directory " + path + " is reached through " + part +
                             ", a symlink of somebody else: give --log-output-dir without it");
    }
    if (end == std::string::npos) return {};
  }
}

Status CheckExisting(const std::string& path, const struct stat& found) {
  if (!S_ISDIR(found.st_mode)) return Fail(ENOTDIR, "the job directory " + path + " is there, but is no directory");
  if (found.st_uid != geteuid()) {
    return Fail(EPERM, "the job directory " + path + " belongs to somebody else: choose another --log-output-dir");
  }
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) return FailErrno("the job directory " + path + " is not writable");
  return {};
}

}  // namespace

Status CheckJobDirectory(const std::string& path) {
  if (const Status symlinks = CheckSymlinks(path); !symlinks) return symlinks;
  if (const auto found = Look(path, /*follow=*/true)) return CheckExisting(path, *found);
  if (errno != ENOENT) return FailErrno("cannot use the job directory " + path);
  std::string parent = path;
  do parent = ParentPath(parent);
  while (parent != "/" && !Look(parent, /*follow=*/true));
  if (access(parent.c_str(), W_OK | X_OK) != 0)
    return FailErrno("cannot make the job directory " + path + " in " + parent);
  return {};
}

}  // namespace copper
