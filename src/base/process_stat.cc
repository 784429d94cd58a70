#include "copper/base/process_stat.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "copper/base/files.h"

namespace copper {
namespace {

// Counted as proc_pid_stat(5) does.
constexpr size_t kState = 3, kParent = 4, kThreads = 20, kStarted = 22;

template <class Number>
bool Parse(std::string_view field, Number& number) {
  return std::from_chars(field.data(), field.data() + field.size(), number).ec == std::errc();
}

}  // namespace

// The second field, the name, may hold anything, blanks and brackets too.
std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::array<std::string_view, kStarted + 1> fields;
  size_t at = name_end + 1;
  for (size_t field = kState; field <= kStarted; ++field) {
    if (at >= text.size() || text[at] != ' ') return std::nullopt;
    const size_t end = text.find_first_of(" \n", at + 1);
    fields[field] = text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1);
    at = end;
  }
  ProcessStat stat;
  if (fields[kState].size() != 1) return std::nullopt;
  stat.state = fields[kState].front();
  const bool parsed = Parse(fields[kParent], stat.parent) && Parse(fields[kThreads], stat.threads) &&
                      Parse(fields[kStarted], stat.started);
  return parsed ? std::optional(stat) : std::nullopt;
}

Result<ProcessStat> ReadProcessStat(pid_t process, std::string_view proc) {
  const std::string path = std::string(proc) + "/" + std::to_string(process) + "/stat";
  const Result<std::string> text = ReadWholeFile(path);
  if (!text) return std::unexpected(text.error());
  const std::optional<ProcessStat> stat = ParseProcessStat(*text);
  if (!stat) return Fail(EIO, path + " can't be understood");
  return *stat;
}

}  // namespace copper
