#include "copper/base/caller_threads.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "copper/base/files.h"
#include "copper/base/process_stat.h"

namespace copper {
namespace {

using Seen = CallerThreads::Seen;

// In the /proc of another namespace the ids are other threads'.
bool IsOfThisNamespace(const std::string& proc) {
  std::array<char, 32> self{};
  const ssize_t length = readlink((proc + "/self").c_str(), self.data(), self.size());
  return length > 0 && std::string_view(self.data(), static_cast<size_t>(length)) == std::to_string(getpid());
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
  auto status = ReadWholeFile(proc_ + "/" + std::to_string(thread) + "/status");
  if (!status) return Unread(thread, status.error().code);
  const auto stat = ReadProcessStat(thread, proc_);
  if (!stat) return Unread(thread, stat.error().code);
  return {.how = Seen::How::kRead, .status = std::move(*status), .started = stat->started};
}

}  // namespace copper
