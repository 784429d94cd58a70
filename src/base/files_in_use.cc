#include "copper/base/files_in_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>
#include <vector>

#include "copper/base/files.h"
#include "copper/base/mount_info.h"
#include "copper/base/path.h"

namespace copper {
namespace {

using Seen = FilesInUse::Seen;

bool IsNumber(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The names of a directory that are numbers.
std::vector<std::string> NumbersIn(const std::string& directory) {
  std::vector<std::string> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  if (!stream) return numbers;
  while (const dirent* const entry = readdir(stream.get())) {  // NOLINT(concurrency-mt-unsafe): its own stream
    if (IsNumber(entry->d_name)) numbers.emplace_back(entry->d_name);
  }
  return numbers;
}

std::string TextOfLink(const std::string& link) {
  std::array<char, 4096> text{};
  const ssize_t length = readlink(link.c_str(), text.data(), text.size());
  return {text.data(), length < 0 ? 0 : static_cast<size_t>(length)};
}

// One look at everything.
class Search {
 public:
  Search(std::string proc, uint64_t device, const ProcFilesInUse::ReadFile& read_maps)
      : proc_(std::move(proc)), device_(device), read_maps_(read_maps) {}

  // Those that are born meanwhile may have what others had: of these no more than a few are left after a first time.
  Seen Run() && {
    constexpr int kMostTimes = 5;
    for (int times = 0; times < kMostTimes && AddProcesses(); ++times) {
    }
    return std::move(seen_);
  }

 private:
  // Whether there were any that had not been seen.
  bool AddProcesses() {
    std::vector<std::string> processes = NumbersIn(proc_);
    std::erase_if(processes, [&](const std::string& process) { return !processes_.insert(process).second; });
    for (const std::string& process : processes) AddMounts(proc_ + "/" + process);
    for (const std::string& process : processes) AddProcess(proc_ + "/" + process);
    return !processes.empty();
  }

  // Of each mount namespace once, and of each root: the table has what lies below that, and points as from there.
  void AddMounts(const std::string& process) {
    const std::string root = TextOfLink(process + "/root");
    if (!namespaces_.insert(TextOfLink(process + "/ns/mnt") + root).second) return;
    const auto mounts = ReadMountInfo(process + "/mountinfo");
    if (!mounts) return;
    for (const MountInfo& mount : *mounts) {
      if (mount.device == device_) {
        points_.insert(root == "/" ? mount.point : root + mount.point);
        seen_.paths.insert(mount.root);
      }
      const auto below = std::ranges::find(*mounts, mount.parent, &MountInfo::id);
      if (below != mounts->end() && below->device == device_) seen_.paths.insert(PathIn(*below, mount.point));
    }
  }

  // What of the file system `point` lies on, in a mount of it.
  static std::string PathIn(const MountInfo& mount, const std::string& point) {
    std::string rest = point.substr(std::min(mount.point == "/" ? 0 : mount.point.size(), point.size()));
    return mount.root == "/" ? rest : mount.root + rest;
  }

  // Of one whose main thread has ended another knows.
  void AddProcess(const std::string& process) {
    char first = 0;
    const bool has_ended = readlink((process + "/cwd").c_str(), &first, 1) < 0 && errno == ENOENT;
    if (!has_ended) return AddThread(process);
    for (const std::string& thread : NumbersIn(process + "/task")) AddThread(process + "/task/" + thread);
  }

  // A descriptor may become the working directory, or what is run, and be closed; and the other way round.
  void AddThread(const std::string& thread) {
    AddLinks(thread);
    for (const std::string& file : NumbersIn(thread + "/fd")) AddLink(thread + "/fd/" + file);
    AddMaps(thread + "/maps");
    AddLinks(thread);
  }

  void AddLinks(const std::string& thread) {
    for (const char* const link : {"/exe", "/cwd", "/root"}) AddLink(thread + link);
  }

  // Others are not followed: their file systems may hang.
  bool IsOnMount(std::string_view text) const {
    return std::ranges::any_of(points_, [&](const std::string& point) { return IsAtOrBelow(text, point); });
  }

  void AddLink(const std::string& link) {
    if (!IsOnMount(TextOfLink(link))) return;
    struct statx found{};
    if (statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &found) != 0) return;
    if (makedev(found.stx_dev_major, found.stx_dev_minor) == device_) seen_.numbers.insert(found.stx_ino);
  }

  // Lines of proc_pid_maps(5): addresses, permissions, offset, major:minor (hexadecimal), inode, path.
  void AddMaps(const std::string& file) {
    const auto text = read_maps_(file);
    if (!text) return;
    for (std::string_view rest = *text; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      AddMap(line);
    }
  }

  void AddMap(std::string_view line) {
    for (int field = 0; field < 3; ++field) line.remove_prefix(std::min(line.find(' '), line.size() - 1) + 1);
    unsigned upper = 0, lower = 0;
    uint64_t number = 0;
    const char* const end = line.data() + line.size();
    const auto after_upper = std::from_chars(line.data(), end, upper, 16).ptr;
    if (after_upper == end || *after_upper != ':') return;
    const auto after_lower = std::from_chars(after_upper + 1, end, lower, 16).ptr;
    if (after_lower == end || makedev(upper, lower) != device_) return;
    std::from_chars(after_lower + 1, end, number);
    seen_.numbers.insert(number);
  }

  const std::string proc_;
  const uint64_t device_;
  const ProcFilesInUse::ReadFile& read_maps_;
  std::unordered_set<std::string> processes_;   // that were looked at
  std::unordered_set<std::string> namespaces_;  // and roots
  std::unordered_set<std::string> points_;      // where it is mounted, in whichever namespace
  Seen seen_;
};

}  // namespace

ProcFilesInUse::ProcFilesInUse(std::string mount_point, std::string proc, ReadFile read_maps)
    : mount_point_(std::move(mount_point)),
      proc_(std::move(proc)),
      read_maps_(read_maps ? std::move(read_maps) : [](const std::string& path) { return ReadWholeFile(path); }) {}

std::optional<Seen> ProcFilesInUse::Look() {
  const auto mounts = ReadMountInfo(proc_ + "/self/mountinfo");
  if (!mounts) return std::nullopt;
  const auto own = std::ranges::find(mounts->rbegin(), mounts->rend(), mount_point_, &MountInfo::point);
  if (own == mounts->rend()) return std::nullopt;
  return Search(proc_, own->device, read_maps_).Run();
}

}  // namespace copper
