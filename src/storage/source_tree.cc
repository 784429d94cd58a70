#include "storage/source_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "storage/retry.h"
#include "storage/stat.h"

namespace copper::storage {
namespace {

int OpenAt2(int directory, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, directory, path, &how, sizeof how));
}

// Old kernels don't have it (ENOSYS), some container run times forbid it (EPERM).
bool HasOpenAt2(int directory) {
  return static_cast<bool>(UniqueFd(OpenAt2(directory, ".", O_PATH | O_CLOEXEC)));
}

bool ClimbsUp(std::string_view path) {
  return path.ends_with("/..") || path.find("/../") != std::string_view::npos;
}

}  // namespace

Result<std::unique_ptr<SourceTree>> SourceTree::Open(const std::string& target) {
  UniqueFd directory(open(target.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return FailErrno("cannot read the target " + target);
  if (faccessat(directory.get(), ".", X_OK, AT_EACCESS) != 0) return FailErrno("cannot search the target " + target);
  const bool has_openat2 = HasOpenAt2(directory.get());
  return std::make_unique<SourceTree>(std::move(directory), has_openat2);
}

Result<UniqueFd> SourceTree::OpenToLook(const std::string& path) const {
  return OpenPath(path, O_PATH);
}

Result<UniqueFd> SourceTree::OpenDirectory(const std::string& path) const {
  Result<UniqueFd> directory = OpenPath(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOATIME);
  if (directory || directory.error().code != EPERM) return directory;
  return OpenPath(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);  // O_NOATIME is for the owner
}

Result<UniqueFd> SourceTree::OpenFile(const std::string& path,
                                      const std::function<bool(const struct stat&)>& is_wanted) const {
  struct stat found{};
  const Result<UniqueFd> look = OpenToLook(path);
  if (!look) return std::unexpected(look.error());
  if (const Status stated = Stat(look->get(), found); !stated) return std::unexpected(stated.error());
  if (!is_wanted(found)) return Fail(ESTALE);
  if (S_ISDIR(found.st_mode)) return Fail(EISDIR);
  if (!S_ISREG(found.st_mode)) return Fail(EINVAL);
  if (const uid_t user = geteuid(); user == 0 || user == found.st_uid) {
    Result<UniqueFd> file = OpenAgain(path, *look, O_RDONLY | O_NONBLOCK | O_NOATIME);
    if (file || file.error().code != EPERM) return file;
  }
  return OpenAgain(path, *look, O_RDONLY | O_NONBLOCK);
}

// Through its descriptor: what was looked at is what is opened, and the source is not asked for the path twice.
Result<UniqueFd> SourceTree::OpenAgain(const std::string& path, const UniqueFd& look, int flags) const {
  const std::string descriptor = "/proc/self/fd/" + std::to_string(look.get());
  const int fd = Retry([&] { return open(descriptor.c_str(), flags | O_CLOEXEC); });
  if (fd >= 0) return UniqueFd(fd);
  if (errno == ENOENT || errno == ENOTDIR) return OpenPath(path, flags);  // no /proc here
  return Fail(errno);
}

// Paths that are too long for one call are walked in pieces.
Result<UniqueFd> SourceTree::OpenPath(const std::string& path, int flags) const {
  if (ClimbsUp(path)) return Fail(EINVAL);
  std::string relative = path == "/" ? "." : path.substr(1);
  UniqueFd directory;
  while (relative.size() >= PATH_MAX) {
    const size_t slash = relative.rfind('/', PATH_MAX - 1);
    if (slash == std::string::npos) return Fail(ENAMETOOLONG);
    const int from = directory ? directory.get() : target_.get();
    Result<UniqueFd> next = OpenAt(from, relative.substr(0, slash), O_PATH | O_DIRECTORY);
    if (!next) return next;
    directory = std::move(*next);
    relative.erase(0, slash + 1);
  }
  return OpenAt(directory ? directory.get() : target_.get(), relative, flags);
}

Result<UniqueFd> SourceTree::OpenAt(int directory, const std::string& relative, int flags) const {
  flags |= O_NOFOLLOW | O_CLOEXEC;
  const int fd = Retry([&] {
    return has_openat2_ ? OpenAt2(directory, relative.c_str(), flags) : openat(directory, relative.c_str(), flags);
  });
  if (fd < 0) return Fail(errno);
  return UniqueFd(fd);
}

}  // namespace copper::storage
