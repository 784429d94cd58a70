// copper refresh: makes every node forget a path.

#include "cli/order.h"
#include "cli/verbs.h"
#include "copper/base/control_ioctl.h"
#include "copper/base/path.h"
#include "refuse.h"

namespace copper::cli {

using postproc::Refuse;
namespace {

// A path below the mount under the name that it was called by, which may be another than the job knows.
std::string BelowMount(std::string mount, const std::string& path) {
  while (mount.size() > 1 && mount.ends_with('/')) mount.pop_back();
  if (!path.starts_with('/') || !IsAtOrBelow(path, mount)) return path;
  return path.size() == mount.size() ? "/" : path.substr(mount.size());
}

}  // namespace

int Refresh(const std::string& place, const std::string& path) {
  if (path.contains('\0')) return Refuse("there is a NUL in this path");
  const Result<Place> found = FindJob(place);
  if (!found) return Refuse(found.error().Describe());
  return Give(*found, {.request = {{"verb", "refresh"}, {"path", path}},
                       .command = kRefreshCommand,
                       .text = found->mount_status ? BelowMount(found->path, path) : path,
                       .doing = "refresh"});
}

}  // namespace copper::cli
