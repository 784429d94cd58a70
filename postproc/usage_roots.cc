#include "usage_roots.h"

#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "ancestors.h"
#include "closed_mounts.h"
#include "copper/base/path.h"

namespace copper::postproc {
namespace {

// What is used of an environment lies in one of these, right below its root.
constexpr std::string_view kPartsOfEnvironments[] = {"bin", "lib", "lib64",   "include",    "share",     "etc",
                                                     "ssl", "Lib", "libexec", "pyvenv.cfg", "conda-meta"};

bool IsDirectory(const std::string& path) {
  struct stat found{};
  return lstat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool IsThere(const std::string& path) {
  struct stat found{};
  return stat(path.c_str(), &found) == 0;
}

struct FreeText {
  void operator()(char* text) const { free(text); }
};

// Empty, with errno, where there is no such thing.
std::string WithoutLinks(const std::string& path) {
  const std::unique_ptr<char, FreeText> real(realpath(path.c_str(), nullptr));
  return real ? real.get() : "";
}

bool MarksEnvironment(std::string_view directory) {
  return std::ranges::find(kPartsOfEnvironments, BaseName(directory)) != std::end(kPartsOfEnvironments);
}

std::string Home() {
  const char* home = getenv("HOME");
  if (home != nullptr && home[0] == '/') return WithoutLinks(home);
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? WithoutLinks(user->pw_dir) : "";
}

bool IsUsed(const profile::PathUse& use) {
  return use.kind != profile::PathKind::kAbsent;
}

Result<std::string> GivenRoot(const std::string& given) {
  std::string root = WithoutLinks(given);
  if (root.empty()) return FailErrno("cannot use the usage root " + given);
  if (!IsDirectory(root)) return Fail(ENOTDIR, "cannot use the usage root " + given + ": it is no directory");
  if (access(root.c_str(), R_OK | X_OK) != 0) return FailErrno("cannot use the usage root " + given);
  if (const std::string mount = ClosedMountOf(root); !mount.empty())
    return Fail(EINVAL, "cannot use the usage root " + given + ": it is in " + mount +
                            ", a mount of Copper or of a pseudo file system: give the directory at the source");
  return root;
}

}  // namespace

std::string AtSource(const profile::Profile& profile, std::string_view path) {
  if (profile.target.empty() || profile.target == "/") return std::string(path);
  return path == "/" ? profile.target : profile.target + std::string(path);
}

Result<std::vector<std::string>> GivenRoots(const std::vector<std::string>& given) {
  std::vector<std::string> roots;
  for (const std::string& each : given) {
    Result<std::string> root = GivenRoot(each);
    if (!root) return std::unexpected(root.error());
    if (std::ranges::find(roots, *root) == roots.end()) roots.push_back(std::move(*root));
  }
  return roots;
}

std::vector<std::string> EnvironmentRoots(const profile::Profile& profile) {
  std::set<std::string, std::less<>> candidates;
  std::string previous;
  profile.paths.ForEach([&](std::string_view path, const profile::PathUse& use) {
    if (!IsUsed(use)) return;
    const auto see = [&](std::string_view directory) {
      if (MarksEnvironment(directory)) candidates.emplace(ParentPath(directory));
    };
    ForEachNewAncestor(previous, path, see);
    see(path);
    previous = path;
  });
  std::vector<std::string> roots;
  for (const std::string& candidate : candidates) {
    const std::string root = AtSource(profile, candidate);
    if (root != "/" && (IsDirectory(root + "/conda-meta") || IsThere(root + "/pyvenv.cfg"))) roots.push_back(root);
  }
  return roots;
}

std::vector<std::string> HomeRoots(const profile::Profile& profile) {
  const std::string home = Home();
  if (home.empty() || home == "/") return {};
  std::set<std::string> folders;
  profile.paths.ForEach([&](std::string_view path, const profile::PathUse& use) {
    const std::string source = AtSource(profile, path);
    if (!IsUsed(use) || source.size() <= home.size() || !IsAtOrBelow(source, home)) return;
    folders.insert(source.substr(0, source.find('/', home.size() + 1)));
  });
  std::vector<std::string> roots;
  std::ranges::copy_if(folders, std::back_inserter(roots), IsDirectory);
  return roots;
}

std::vector<std::string> MinimalRoots(std::vector<std::string> roots) {
  std::ranges::sort(roots, {}, [](const std::string& root) { return std::pair(root.size(), root); });
  std::vector<std::string> minimal;
  for (std::string& root : roots) {
    if (!IsBelowAny(root, minimal)) minimal.push_back(std::move(root));
  }
  std::ranges::sort(minimal);
  return minimal;
}

bool IsBelowAny(std::string_view path, const std::vector<std::string>& roots) {
  return std::ranges::any_of(roots, [&](const std::string& root) { return IsAtOrBelow(path, root); });
}

}  // namespace copper::postproc
