#include "copper/fuse/caller_threads.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <string_view>

#include "copper/base/files.h"

namespace copper::fuse {
namespace {

using Seen = CallerThreads::Seen;

// In the /proc of another namespace the ids are other threads'.
bool IsOfThisNamespace(const std::string& proc) {
  std::array<char, 32> self{};
  const ssize_t length = readlink((proc + "/self").c_str(), self.data(), self.size());
  return length > 0 && std::string_view(self.data(), static_cast<size_t>(length)) == std::to_string(getpid());
}

// Field 22 of proc_pid_stat(5). The name before it may hold anything, blanks and brackets too.
std::optional<uint64_t> StartTimeOf(std::string_view stat) {
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  size_t at = bracket;
  for (int field = 2; field < 22; ++field) {
    at = stat.find(' ', at);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  uint64_t value = 0;
  const auto parsed = std::from_chars(stat.data() + at, stat.data() + stat.size(), value);
  return parsed.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// With hidepid=2 what may not be seen looks like what is gone; a signal that is none tells them apart.
Seen Unread(pid_t thread, int error) {
  const bool absent = error == ENOENT || error == ESRCH;
  const bool gone = absent && kill(thread, 0) != 0 && errno == ESRCH;
  return {.how = gone ? Seen::How::kGone : Seen::How::kHidden, .status = {}};
}

}  // namespace

ProcThreads::ProcThreads(std::string proc) : proc_(std::move(proc)), ours_(IsOfThisNamespace(proc_)) {}

// The start time last: if it is still the same, the status was this thread's, too.
Seen ProcThreads::Look(pid_t thread) {
  if (!ours_ || thread <= 0) return {};
  const std::string directory = proc_ + "/" + std::to_string(thread);
  auto status = ReadWholeFile(directory + "/status");
  if (!status) return Unread(thread, status.error().code);
  const auto stat = ReadWholeFile(directory + "/stat");
  if (!stat) return Unread(thread, stat.error().code);
  const auto started = StartTimeOf(*stat);
  if (!started) return {};
  return {.how = Seen::How::kRead, .status = std::move(*status), .started = *started};
}

}  // namespace copper::fuse
