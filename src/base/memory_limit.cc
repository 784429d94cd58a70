#include "copper/base/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>

#include "copper/base/files.h"
#include "copper/base/mount_info.h"

namespace copper {
namespace {

// A hierarchy of control groups that may limit memory: where it is mounted, and the file that says so.
struct Hierarchy {
  std::string mount_point;
  std::string group;  // this process's, as in /proc/self/cgroup
  const char* file;
};

// /proc/self/cgroup has a line for each hierarchy: number:controllers:group. Number 0 is version 2.
std::optional<std::string> GroupOf(const std::string& cgroups, bool version2) {
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (version2 ? line.starts_with("0::") : controllers.contains(",memory,")) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<Hierarchy> HierarchyOf(const MountInfo& mount, const std::string& cgroups) {
  const bool version2 = mount.type == "cgroup2";
  const bool version1 = mount.type == "cgroup" && ("," + mount.options + ",").contains(",memory,");
  if (!version1 && !version2) return std::nullopt;
  const auto group = GroupOf(cgroups, version2);
  if (!group) return std::nullopt;
  return Hierarchy{mount.point, *group, version2 ? "memory.max" : "memory.limit_in_bytes"};
}

// UINT64_MAX where there is no limit ("max", or no such file).
uint64_t LimitIn(const std::filesystem::path& file) {
  const std::string text = ReadWholeFile(file.string()).value_or("");
  uint64_t limit = UINT64_MAX;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  return error == std::errc() ? limit : UINT64_MAX;
}

uint64_t LimitOf(const std::string& root, const Hierarchy& hierarchy) {
  const std::filesystem::path top = root + hierarchy.mount_point;
  uint64_t limit = LimitIn(top / hierarchy.file);
  std::filesystem::path group = top;
  for (const auto& part : std::filesystem::path(hierarchy.group).relative_path()) {
    group /= part;
    limit = std::min(limit, LimitIn(group / hierarchy.file));
  }
  return limit;
}

// A line of /proc/self/limits: name, soft limit, hard limit, unit.
uint64_t SoftLimit(const std::string& limits, const std::string& name) {
  const size_t line = limits.find(name);
  if (line == std::string::npos) return UINT64_MAX;
  uint64_t limit = UINT64_MAX;
  std::istringstream(limits.substr(line + name.size())) >> limit;
  return limit == 0 ? UINT64_MAX : limit;  // no number, as for "unlimited"
}

}  // namespace

uint64_t AddressSpaceLimit(const std::string& root) {
  const std::string limits = ReadWholeFile(root + "/proc/self/limits").value_or("");
  return std::min(SoftLimit(limits, "Max address space"), SoftLimit(limits, "Max data size"));
}

uint64_t MemoryLimit(const std::string& root) {
  uint64_t limit = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const std::string cgroups = ReadWholeFile(root + "/proc/self/cgroup").value_or("");
  const auto mounts = ReadMountInfo(root + "/proc/self/mountinfo");
  if (!mounts) return limit;
  for (const MountInfo& mount : *mounts) {
    if (const auto hierarchy = HierarchyOf(mount, cgroups)) limit = std::min(limit, LimitOf(root, *hierarchy));
  }
  return limit;
}

uint64_t PeakMemoryBytes() {
  constexpr std::string_view kField = "VmHWM:";
  const std::string status = ReadWholeFile("/proc/self/status").value_or("");
  size_t at = status.find(kField);
  if (at == std::string::npos) return 0;
  at = status.find_first_of("0123456789", at + kField.size());
  if (at == std::string::npos) return 0;
  uint64_t kilobytes = 0;
  std::from_chars(status.data() + at, status.data() + status.size(), kilobytes);
  return kilobytes * 1024;
}

}  // namespace copper
