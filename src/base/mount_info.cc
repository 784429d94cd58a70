#include "copper/base/mount_info.h"

#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "copper/base/files.h"

namespace copper {
namespace {

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
bool ParseLine(std::string_view text, MountInfo& mount) {
  const std::vector<std::string_view> fields = Fields(text);
  const auto separator = std::ranges::find(fields, "-");
  if (separator - fields.begin() < 6 || fields.end() - separator < 3) return false;
  mount.id = Number(fields[0]);
  mount.parent = Number(fields[1]);
  mount.device = Device(fields[2]);
  mount.root = Unescape(fields[3]);
  mount.point = Unescape(fields[4]);
  mount.type = Unescape(separator[1]);
  mount.source = Unescape(separator[2]);
  if (fields.end() - separator > 3) mount.options = separator[3];
  return true;
}

}  // namespace

std::vector<MountInfo> ParseMountInfo(std::string_view text) {
  std::vector<MountInfo> mounts;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (MountInfo mount; ParseLine(text.substr(0, end), mount)) mounts.push_back(std::move(mount));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return mounts;
}

Result<std::vector<MountInfo>> ReadMountInfo(const std::string& file) {
  const Result<std::string> text = ReadWholeFile(file);
  if (!text) return std::unexpected(text.error());
  return ParseMountInfo(*text);
}

Result<std::vector<MountInfo>> MountsAt(const std::string& point) {
  auto mounts = ReadMountInfo();
  if (mounts) std::erase_if(*mounts, [&](const MountInfo& mount) { return mount.point != point; });
  return mounts;
}

std::optional<MountInfo> OwnMountAt(const std::string& point) {
  const Result<std::vector<MountInfo>> mounts = MountsAt(point);
  if (!mounts || mounts->empty()) return std::nullopt;
  const MountInfo& top = mounts->back();
  const bool is_own = top.type == kCopperType && UserOf(top) == static_cast<int64_t>(geteuid());
  return is_own ? std::optional(top) : std::nullopt;
}

int64_t UserOf(const MountInfo& mount) {
  constexpr std::string_view kName = "user_id=";
  const size_t at = mount.options.find(kName);
  int64_t user = -1;
  if (at != std::string::npos) {
    std::from_chars(mount.options.data() + at + kName.size(), mount.options.data() + mount.options.size(), user);
  }
  return user;
}

}  // namespace copper
