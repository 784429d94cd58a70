#include "copper/base/fatal_signals.h"

#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <system_error>

namespace copper {
namespace {

constexpr uint64_t Bit(int number) {
  return uint64_t{1} << (number - 1);
}

constexpr uint64_t kKill = Bit(SIGKILL);
// signal(7): by default these are ignored, or stop. All others end, real-time signals too.
constexpr uint64_t kHarmless = Bit(SIGCHLD) | Bit(SIGCONT) | Bit(SIGURG) | Bit(SIGWINCH) | Bit(SIGSTOP) | Bit(SIGTSTP) |
                               Bit(SIGTTIN) | Bit(SIGTTOU);

// What stands behind "NAME:\t". No other line can begin so: line ends in a process's name are escaped. A line without
// an end was cut off: half a mask would be another number.
std::optional<std::string_view> ValueOf(std::string_view status, std::string_view name) {
  for (size_t end = 0; (end = status.find('\n')) != std::string_view::npos; status.remove_prefix(end + 1)) {
    const std::string_view line = status.substr(0, end);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(":\t")) return line.substr(name.size() + 2);
  }
  return std::nullopt;
}

std::optional<uint64_t> NumberOf(std::string_view status, std::string_view name, int base) {
  const auto text = ValueOf(status, name);
  if (!text) return std::nullopt;
  uint64_t number = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number, base);
  return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
}

bool HasEnded(std::string_view status) {
  const auto state = ValueOf(status, "State");
  return state && (state->starts_with('Z') || state->starts_with('X'));
}

}  // namespace

Fate FateOf(std::string_view status) {
  if (HasEnded(status)) return Fate::kEnds;
  const auto own = NumberOf(status, "SigPnd", 16), shared = NumberOf(status, "ShdPnd", 16);
  const auto blocked = NumberOf(status, "SigBlk", 16), ignored = NumberOf(status, "SigIgn", 16);
  const auto caught = NumberOf(status, "SigCgt", 16), tracer = NumberOf(status, "TracerPid", 10);
  if (!own || !shared || !blocked || !ignored || !caught || !tracer) return Fate::kUnknown;
  const uint64_t pending = *own | *shared;
  if ((pending & kKill) != 0) return Fate::kEnds;
  // A tracer is asked first what becomes of any other signal. If it is passed on, SIGKILL follows.
  if (*tracer != 0) return Fate::kLives;
  return (pending & ~*blocked & ~*ignored & ~*caught & ~kHarmless) != 0 ? Fate::kEnds : Fate::kLives;
}

}  // namespace copper
