#include "copper/storage/given_paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace copper::storage {
namespace {

// `given` is the option and its value. By the name alone: a mount of Copper is not touched through another.
Status CheckNotOnCopper(const std::string& given, const std::string& path, std::span<const Mount> mounts) {
  const Mount* const mount = MountOf(path, mounts);
  if (mount == nullptr || mount->type != kCopperType) return {};
  return Fail(EINVAL, "the " + given + " lies on " + mount->point +
                          ", the mount of another Copper job: give the directory that it mirrors");
}

// Of what is there, and not on a mount of Copper: without symlinks.
Result<std::string> Resolve(const std::string& option, const std::string& path, std::span<const Mount> mounts) {
  const std::string given = option + " " + path;
  std::error_code failed;
  const std::string absolute = std::filesystem::absolute(path, failed).lexically_normal().string();
  if (const Status checked = CheckNotOnCopper(given, absolute, mounts); !checked)
    return std::unexpected(checked.error());
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(path.c_str(), nullptr), std::free);
  if (!resolved) return FailErrno("cannot use the " + given);
  const Status checked = CheckNotOnCopper(given, resolved.get(), mounts);
  if (!checked) return std::unexpected(checked.error());
  return std::string(resolved.get());
}

}  // namespace

Result<std::string> ResolveTarget(const std::string& target, std::span<const Mount> mounts) {
  Result<std::string> resolved = Resolve("--target", target, mounts);
  if (!resolved) return resolved;
  struct stat found{};
  if (stat(resolved->c_str(), &found) != 0) return FailErrno("cannot use the --target " + target);
  if (!S_ISDIR(found.st_mode)) return Fail(ENOTDIR, "the --target " + target + " is no directory");
  if (access(resolved->c_str(), R_OK | X_OK) != 0) return FailErrno("cannot read the --target " + target);
  return resolved;
}

Result<std::vector<std::string>> ResolveShared(const std::vector<std::string>& paths, std::span<const Mount> mounts) {
  std::vector<std::string> all;
  for (const std::string& path : paths) {
    Result<std::string> resolved = Resolve("--shared-fs", path, mounts);
    if (!resolved) return std::unexpected(resolved.error());
    all.push_back(std::move(*resolved));
  }
  return all;
}

}  // namespace copper::storage
