#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "copper/base/path.h"
#include "copper/job/refresher.h"

namespace copper::job {

Result<std::string> PathInSource(const std::string& given, const std::string& target,
                                 const std::vector<std::string>& mounts) {
  if (given.size() > 4096) return Fail(ENAMETOOLONG, "this path is too long");
  if (given.contains('\0')) return Fail(EINVAL, "there is a NUL in this path");
  std::string path = "/";
  for (size_t begin = 0; begin < given.size();) {
    const size_t end = std::min(given.find('/', begin), given.size());
    const std::string name = given.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    if (name == ".." && path == "/") return Fail(EINVAL, given + " leads out of the source");
    path = name == ".." ? std::string(ParentPath(path)) : JoinPath(path, name);
  }
  if (!given.starts_with('/')) return path;
  std::vector<std::string> tops = mounts;
  tops.push_back(target);
  for (const std::string& top : tops) {
    if (top == "/" || !IsAtOrBelow(path, top)) continue;
    return path.size() == top.size() ? "/" : path.substr(top.size());
  }
  return path;
}

std::string NoteOnName(const std::string& path, const std::string& target) {
  const std::string in_target = (target == "/" ? "" : target) + path;
  struct stat found{};
  const bool is_there = lstat(in_target.c_str(), &found) == 0;
  const bool is_absent = !is_there && (errno == ENOENT || errno == ENOTDIR);
  if (is_absent) return "; there is no such name in the source now (" + in_target + ")";
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(in_target.c_str(), nullptr), std::free);
  if (!is_there || !resolved || !IsAtOrBelow(resolved.get(), target)) return "";
  std::string real = resolved.get();
  if (target != "/") real.erase(0, target.size());
  if (path == "/" || real == path) return "";
  return "; it is, or lies behind, a symlink: what it leads to is refreshed as " + (real.empty() ? "/" : real);
}

}  // namespace copper::job
