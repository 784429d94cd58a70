#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "copper/base/files.h"
#include "copper/storage/file_systems.h"
#include "storage/paths.h"

namespace copper::storage {
namespace {

// One line of mountinfo, with the ids that say what is mounted on what.
struct Line {
  uint64_t id = 0;
  uint64_t parent = 0;
  Mount mount;
};

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (!line.empty()) {
    const size_t end = std::min(line.find(' '), line.size());
    if (end > 0) fields.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

bool IsOctal(char c) {
  return c >= '0' && c <= '7';
}

// Space, tab, newline and backslash stand as \040, \011, \012 and \134.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '\\' && i + 3 < text.size() && std::ranges::all_of(text.substr(i + 1, 3), IsOctal);
    if (!escaped) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

uint64_t Number(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

uint64_t Device(std::string_view text) {
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string_view minor_number = text.substr(std::min(colon + 1, text.size()));
  return makedev(static_cast<unsigned>(Number(text.substr(0, colon))), static_cast<unsigned>(Number(minor_number)));
}

// id parent major:minor root point options [optional...] - type source super-options
bool ParseLine(std::string_view text, Line& line) {
  const std::vector<std::string_view> fields = Fields(text);
  const auto separator = std::ranges::find(fields, "-");
  if (separator - fields.begin() < 6 || fields.end() - separator < 3) return false;
  line.id = Number(fields[0]);
  line.parent = Number(fields[1]);
  line.mount.device = Device(fields[2]);
  line.mount.root = Unescape(fields[3]);
  line.mount.point = Unescape(fields[4]);
  line.mount.type = Unescape(separator[1]);
  line.mount.source = Unescape(separator[2]);
  return true;
}

using Covers = std::set<std::pair<uint64_t, std::string_view>>;  // parent, point

// Whether another mount with the same parent lies on a directory above: whatever was mounted below it can't be reached.
bool IsUnderCover(const Line& line, const Covers& covers) {
  std::string_view point = line.mount.point;
  while (point != "/") {
    point = ParentPath(point);
    if (covers.contains({line.parent, point})) return true;
  }
  return false;
}

// The ids of mounts that no path leads to: those under a cover, and what is mounted on them.
std::set<uint64_t> Hidden(const std::vector<Line>& lines) {
  Covers covers;
  for (const Line& line : lines) {
    if (line.id != line.parent) covers.emplace(line.parent, line.mount.point);
  }
  std::set<uint64_t> hidden;
  for (const Line& line : lines) {
    if (IsUnderCover(line, covers)) hidden.insert(line.id);
  }
  for (size_t before = 0; before != hidden.size();) {
    before = hidden.size();
    for (const Line& line : lines) {
      if (hidden.contains(line.parent)) hidden.insert(line.id);
    }
  }
  // A mount on the very root of another covers it whole.
  for (const Line& line : lines) {
    const auto under = std::ranges::find(lines, line.parent, &Line::id);
    if (under != lines.end() && under->id != line.id && under->mount.point == line.mount.point)
      hidden.insert(under->id);
  }
  return hidden;
}

constexpr std::array kNetworkTypes = std::to_array<std::string_view>(
    {"9p",           "afs",       "beegfs",         "ceph",      "cifs",       "coda",
     "daos",         "dvs",       "fhgfs",          "gfs2",      "gpfs",       "lustre",
     "lustre_lite",  "nfs",       "nfs4",           "ocfs2",     "orangefs",   "panfs",
     "pvfs2",        "quobyte",   "scoutfs",        "smb3",      "smbfs",      "wekafs",
     "fuse.beegfs",  "fuse.ceph", "fuse.ceph-fuse", "fuse.daos", "fuse.dfuse", "fuse.glusterfs",
     "fuse.juicefs", "fuse.mfs",  "fuse.quobyte",   "fuse.s3fs", "fuse.sshfs"});

constexpr std::array kPseudoTypes = std::to_array<std::string_view>(
    {"autofs",   "binderfs",   "binfmt_misc", "bpf",       "cgroup",    "cgroup2", "configfs", "debugfs", "devpts",
     "devtmpfs", "efivarfs",   "fuse.lxcfs",  "fusectl",   "hugetlbfs", "mqueue",  "nsfs",     "proc",    "pstore",
     "resctrl",  "rpc_pipefs", "securityfs",  "selinuxfs", "smackfs",   "sysfs",   "tracefs"});

}  // namespace

bool IsNetworkType(std::string_view type) {
  return std::ranges::find(kNetworkTypes, type) != kNetworkTypes.end();
}
bool IsPseudoType(std::string_view type) {
  return std::ranges::find(kPseudoTypes, type) != kPseudoTypes.end();
}

Result<std::vector<Mount>> ReadMountTable(const std::string& mountinfo) {
  const Result<std::string> text = ReadWholeFile(mountinfo);
  if (!text) return std::unexpected(text.error());
  return ParseMountInfo(*text);
}

std::vector<Mount> ParseMountInfo(std::string_view mountinfo) {
  std::vector<Line> lines;
  while (!mountinfo.empty()) {
    const size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    if (Line line; ParseLine(mountinfo.substr(0, end), line)) lines.push_back(std::move(line));
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
  }
  const std::set<uint64_t> hidden = Hidden(lines);
  std::vector<Mount> mounts;
  for (Line& line : lines) {
    if (!hidden.contains(line.id)) mounts.push_back(std::move(line.mount));
  }
  return mounts;
}

}  // namespace copper::storage
