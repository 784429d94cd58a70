#include "copper/base/program_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "copper/base/files.h"

namespace copper {
namespace {

// A mapping, as the lines about it come.
struct Mapping {
  MappedRange range;
  bool is_file_to_read = false;
  uint64_t resident_kb = 0;
  uint64_t changed_kb = 0;

  bool IsUnchanged() const { return is_file_to_read && resident_kb > 0 && changed_kb == 0; }
};

std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// "7f00-7f10 r-xp 00001000 fe:01 4711   /usr/lib/libx.so"; other lines begin with a name and a colon.
std::optional<Mapping> ParseHead(std::string_view line) {
  Mapping mapping;
  const std::string_view range = TakeWord(line);
  const char* const end = range.data() + range.size();
  const auto [dash, failed] = std::from_chars(range.data(), end, mapping.range.begin, 16);
  if (failed != std::errc() || dash == end || *dash != '-') return std::nullopt;
  if (std::from_chars(dash + 1, end, mapping.range.end, 16).ec != std::errc()) return std::nullopt;
  const std::string_view rights = TakeWord(line);
  TakeWord(line);  // offset
  TakeWord(line);  // device
  const bool is_file = TakeWord(line) != "0";
  mapping.is_file_to_read = is_file && rights.size() == 4 && rights[1] == '-' && rights[3] == 'p';
  return mapping;
}

// "Rss:                  12 kB"
void TakeField(std::string_view line, Mapping& mapping) {
  const std::string_view name = TakeWord(line);
  const std::string_view number = TakeWord(line);
  uint64_t kb = 0;
  std::from_chars(number.data(), number.data() + number.size(), kb);
  if (name == "Rss:") mapping.resident_kb = kb;
  if (name == "Anonymous:" || name == "Swap:") mapping.changed_kb += kb;
}

}  // namespace

std::vector<MappedRange> UnchangedMappings(std::string_view smaps) {
  std::vector<MappedRange> unchanged;
  Mapping mapping;
  const auto close = [&] {
    if (mapping.IsUnchanged()) unchanged.push_back(mapping.range);
  };
  while (!smaps.empty()) {
    const std::string_view line = smaps.substr(0, smaps.find('\n'));
    smaps.remove_prefix(std::min(line.size() + 1, smaps.size()));
    if (const std::optional<Mapping> next = ParseHead(line)) {
      close();
      mapping = *next;
    } else {
      TakeField(line, mapping);
    }
  }
  close();
  return unchanged;
}

void LetGoOfProgramPages() {
  const std::string smaps = ReadWholeFile("/proc/self/smaps").value_or("");
  for (const MappedRange& range : UnchangedMappings(smaps)) {
    // Not possible for some (locked ones, say): they stay.
    madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, MADV_DONTNEED);
  }
}

}  // namespace copper
