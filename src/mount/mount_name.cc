#include "copper/mount/mount_name.h"

#include <cerrno>
#include <cstddef>

#include "copper/base/path.h"

namespace copper::mount {

Status CheckPlaceholders(const std::string& given, const std::string& mount) {
  for (size_t at = mount.find('%'); at != std::string::npos; at = mount.find('%', at + 2)) {
    const std::string found = mount.substr(at, 2);
    if (found == "%r" || found == "%h" || found == "%%") continue;
    return Fail(EINVAL, given + ": what is '" + found +
                            "'? %r is the rank, %h the short host name, and %% stands for a percent sign");
  }
  return {};
}

std::string ExpandMount(const std::string& mount, Rank rank, const std::string& host) {
  std::string expanded;
  for (size_t i = 0; i < mount.size(); ++i) {
    const char next = mount[i] == '%' && i + 1 < mount.size() ? mount[i + 1] : '\0';
    if (next == 'r') expanded += std::to_string(rank);
    if (next == 'h') expanded += host;
    if (next == '%') expanded += '%';
    if (next == 'r' || next == 'h' || next == '%') {
      ++i;
    } else {
      expanded += mount[i];
    }
  }
  return expanded;
}

Status CheckPlaces(const std::string& mount, const std::string& target, const std::string& job_directory) {
  if (IsAtOrBelow(target, mount)) {
    return Fail(EINVAL, "--mount " + mount + " would hide the --target " + target +
                            ": choose a mount point that is not at or above the target");
  }
  if (IsAtOrBelow(job_directory, mount)) {
    return Fail(EINVAL, "--mount " + mount + " would hide the job directory " + job_directory +
                            ": choose a --log-output-dir outside of the mount");
  }
  for (const char* const own : {"/control", "/logs", "/profiling", "/tables"}) {
    if (!IsAtOrBelow(mount, job_directory + own)) continue;
    return Fail(EINVAL, "--mount " + mount + " lies in " + job_directory + own +
                            ", where the job keeps files of its own: choose another place");
  }
  return {};
}

}  // namespace copper::mount
