#include "read_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "copper/base/unique_fd.h"

namespace copper::postproc {
namespace {

using Entry = WalkedDirectory::Entry;
using Kind = WalkedDirectory::Kind;

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

bool IsDirectoryEntry(int parent, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  struct stat found{};
  return fstatat(parent, entry.d_name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

// By bytes, with a slash behind the name of what stands for the paths below it.
bool Before(const WalkedDirectory& directory, const Entry& a, const Entry& b) {
  const std::string_view left = directory.NameOf(a);
  const std::string_view right = directory.NameOf(b);
  const size_t common = std::min(left.size(), right.size());
  if (const int order = left.substr(0, common).compare(right.substr(0, common)); order != 0) return order < 0;
  const auto next = [common](std::string_view name, Kind kind) {
    if (name.size() > common) return static_cast<int>(static_cast<unsigned char>(name[common]));
    return kind == Kind::kBelow ? static_cast<int>('/') : -1;
  };
  return next(left, a.kind) < next(right, b.kind);
}

}  // namespace

void AddName(WalkedDirectory& into, std::string_view name, bool directory, bool visible) {
  into.entries.push_back({static_cast<uint32_t>(into.names.size()), static_cast<uint16_t>(name.size()),
                          directory ? Kind::kDirectory : Kind::kFile, visible, 0});
  into.names += name;
}

void SortNames(WalkedDirectory& directory) {
  const size_t names = directory.entries.size();
  for (size_t i = 0; i < names; ++i) {
    if (directory.entries[i].kind != Kind::kDirectory) continue;
    Entry below = directory.entries[i];
    below.kind = Kind::kBelow;
    below.directory = static_cast<uint32_t>(directory.directories.size());
    directory.entries.push_back(below);
    directory.directories.push_back(std::make_unique<WalkedDirectory>());
  }
  std::ranges::sort(directory.entries, [&](const Entry& a, const Entry& b) { return Before(directory, a, b); });
  directory.entries.shrink_to_fit();
  directory.names.shrink_to_fit();
}

Status ReadDirectory(const std::string& path, WalkedDirectory& into) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return FailErrno("cannot open " + path);
  const std::unique_ptr<DIR, CloseDirectory> stream(fdopendir(fd.get()));
  if (!stream) return FailErrno("cannot read " + path);
  const int parent = fd.Release();
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") AddName(into, name, IsDirectoryEntry(parent, *entry), true);
  }
  const int failed = errno;
  SortNames(into);
  errno = failed;
  if (failed != 0) return FailErrno("cannot read " + path);
  return {};
}

}  // namespace copper::postproc
