#include "mount_table.h"

#include <charconv>
#include <sstream>

#include "copper/base/files.h"

namespace copper::fuse {
namespace {

// Spaces and the like appear as \040.
std::string Unescape(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "36 35 98:0 /root /point options shared:1 - type source superoptions"
MountEntry ParseLine(const std::string& line) {
  std::istringstream fields(line);
  MountEntry entry;
  std::string parent, root, point, field, source;
  fields >> entry.id >> parent >> entry.device >> root >> point;
  while (fields >> field && field != "-") {
  }
  fields >> entry.type >> source >> entry.options;
  entry.point = Unescape(point);
  return entry;
}

}  // namespace

int64_t MountEntry::user_id() const {
  constexpr std::string_view kName = "user_id=";
  const size_t at = options.find(kName);
  int64_t user = -1;
  if (at != std::string::npos) {
    std::from_chars(options.data() + at + kName.size(), options.data() + options.size(), user);
  }
  return user;
}

std::vector<MountEntry> ParseMountTable(std::string_view mountinfo) {
  std::vector<MountEntry> entries;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) entries.push_back(ParseLine(line));
  return entries;
}

Result<std::vector<MountEntry>> MountsAt(const std::string& point) {
  const auto text = ReadWholeFile("/proc/self/mountinfo");
  if (!text) return std::unexpected(text.error());
  std::vector<MountEntry> entries = ParseMountTable(*text);
  std::erase_if(entries, [&](const MountEntry& entry) { return entry.point != point; });
  return entries;
}

}  // namespace copper::fuse
