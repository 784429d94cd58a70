#include "mount_point.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <deque>
#include <memory>
#include <ranges>

#include "copper/base/mount_info.h"
#include "copper/base/path.h"
#include "copper/mount/mounter.h"

namespace copper::mount {
namespace {

constexpr int kMaxSymlinks = 40;

// Before what is there already.
void PushComponents(std::deque<std::string>& todo, std::string_view path) {
  std::vector<std::string> parts;
  for (const auto part : std::views::split(path, '/')) parts.emplace_back(part.begin(), part.end());
  todo.insert(todo.begin(), parts.begin(), parts.end());
}

Result<std::string> ReadSymlink(const std::string& path, const struct stat& found) {
  if (found.st_uid != 0 && found.st_uid != geteuid()) {
    return Fail(EPERM, "the mount point leads through the symlink " + path + ", which is somebody else's; name the " +
                           "directory itself");
  }
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length < 0) return FailErrno("cannot read the symlink " + path);
  target.resize(static_cast<size_t>(length));
  return target;
}

Result<bool> IsEmpty(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return FailErrno("cannot look into the mount point " + path);
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

// An absent mount point is made: whether that will work.
Status CheckCanBeMade(const std::string& point) {
  std::string ancestor = point;
  struct stat found{};
  do {
    ancestor = ParentPath(ancestor);
  } while (lstat(ancestor.c_str(), &found) != 0 && errno == ENOENT && ancestor != "/");
  if (!S_ISDIR(found.st_mode))
    return Fail(ENOTDIR, "cannot make the mount point " + point + ": " + ancestor + " is no directory");
  if (access(ancestor.c_str(), W_OK | X_OK) != 0)
    return FailErrno("cannot make the mount point " + point + " in " + ancestor);
  return {};
}

Status CheckDirectory(const std::string& point, const struct stat& found) {
  if (!S_ISDIR(found.st_mode)) return Fail(ENOTDIR, "the mount point " + point + " is no directory");
  if (found.st_uid != geteuid()) {
    return Fail(EPERM, "the mount point " + point + " is somebody else's (user id " + std::to_string(found.st_uid) +
                           "); choose a directory of your own");
  }
  const auto empty = IsEmpty(point);
  if (!empty) return std::unexpected(empty.error());
  if (!*empty)
    return Fail(ENOTEMPTY, "the mount point " + point + " is not empty; choose an empty directory, or an absent one");
  return {};
}

Status Fusermount(const std::string& point) {
  std::string path = point;
  char program[] = "fusermount3", unmount[] = "-u", quiet[] = "-q", lazy[] = "-z", end[] = "--";
  char* const arguments[] = {program, unmount, quiet, lazy, end, path.data(), nullptr};
  pid_t child = -1;
  if (const int error = posix_spawnp(&child, program, nullptr, nullptr, arguments, environ); error != 0) {
    return Fail(error, "cannot run fusermount3 to unmount " + point);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return Fail(EIO, "fusermount3 could not unmount " + point);
  return {};
}

}  // namespace

Result<std::string> ResolveMountPoint(const std::string& point) {
  if (!point.starts_with('/')) return Fail(EINVAL, "the mount point " + point + " is not an absolute path");
  std::deque<std::string> todo;
  PushComponents(todo, point);
  std::string at = "/";
  for (int symlinks = 0; !todo.empty();) {
    const std::string name = std::move(todo.front());
    todo.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = ParentPath(at);
      continue;
    }
    const std::string next = JoinPath(at, name);
    struct stat found{};
    const bool there = lstat(next.c_str(), &found) == 0;
    // A dead mount may be the point itself; it is dealt with later.
    if (!there && errno != ENOENT && !(errno == ENOTCONN && todo.empty()))
      return FailErrno("cannot reach the mount point " + next);
    if (!there || !S_ISLNK(found.st_mode)) {
      at = next;
      continue;
    }
    if (++symlinks > kMaxSymlinks) return Fail(ELOOP, "the mount point " + point + " leads through too many symlinks");
    const auto target = ReadSymlink(next, found);
    if (!target) return target;
    if (target->starts_with('/')) at = "/";
    PushComponents(todo, *target);
  }
  return at;
}

// Not by stat: the kernel still answers that from what a dead daemon told it. statfs always asks the daemon.
bool IsOwnDeadMount(const std::string& point) {
  if (!OwnMountAt(point)) return false;
  struct statfs figures{};
  return statfs(point.c_str(), &figures) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

Status HealMountPoint(const std::string& point) {
  constexpr int kStacked = 16;  // dead mounts on top of one another
  for (int i = 0; i < kStacked && IsOwnDeadMount(point); ++i) {
    if (Status unmounted = UnmountLazily(point); !unmounted) return unmounted;
  }
  return {};
}

Result<std::vector<std::string>> MakeMountPoint(const std::string& point) {
  std::vector<std::string> made;
  for (size_t slash = point.find('/', 1);; slash = point.find('/', slash + 1)) {
    const std::string part = point.substr(0, slash);
    if (mkdir(part.c_str(), 0755) == 0) {
      made.push_back(part);
    } else if (errno != EEXIST) {
      const auto failed = FailErrno("cannot make the mount point " + part);
      RemoveMade(made);
      return failed;
    }
    if (slash == std::string::npos) return made;
  }
}

void RemoveMade(const std::vector<std::string>& made) {
  for (const std::string& directory : std::views::reverse(made)) {
    if (rmdir(directory.c_str()) != 0) return;  // somebody else uses it meanwhile
  }
}

// MNT_FORCE ends the connection: whoever waits for an answer gets an error, even where a process that can't be freed
// (it waits for its own dead mount) still holds the connection's descriptor.
Status UnmountLazily(const std::string& point) {
  if (geteuid() == 0 && umount2(point.c_str(), MNT_DETACH | MNT_FORCE | UMOUNT_NOFOLLOW) == 0) return {};
  if (geteuid() == 0 && errno != EPERM) return FailErrno("cannot unmount " + point);
  return Fusermount(point);
}

Status CheckMountPoint(const std::string& point) {
  const auto resolved = ResolveMountPoint(point);
  if (!resolved) return std::unexpected(resolved.error());
  const auto mounts = MountsAt(*resolved);
  if (!mounts) return std::unexpected(mounts.error());
  if (!mounts->empty()) {
    if (IsOwnDeadMount(*resolved)) return {};
    return Fail(EBUSY, "the mount point " + point + " is a mount already (" + mounts->back().type +
                           "); unmount it or choose another directory");
  }
  struct stat found{};
  if (lstat(resolved->c_str(), &found) != 0) return CheckCanBeMade(*resolved);
  return CheckDirectory(*resolved, found);
}

Status CheckFuse() {
  if (access("/dev/fuse", F_OK) != 0) {
    return Fail(ENODEV, "there is no /dev/fuse on this host: load the fuse module (modprobe fuse), or ask the site to");
  }
  const UniqueFd device(open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (device && geteuid() == 0) return {};
  const char* const given = getenv("PATH");
  const std::string path = given == nullptr ? "/usr/bin:/bin" : given;
  for (const auto part : std::views::split(path, ':')) {
    if (access((std::string(part.begin(), part.end()) + "/fusermount3").c_str(), X_OK) == 0) return {};
  }
  return Fail(EACCES,
              "cannot mount on this host: fusermount3 is not installed (package fuse3), and only root can do without");
}

}  // namespace copper::mount
