#include "storage/busy_time.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "copper/base/unique_fd.h"

namespace copper::storage {
namespace {

Duration TimeOnProcessor() {
  timespec used{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Duration WaitsForProcessor() {
  const UniqueFd file(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  std::array<char, 80> text{};
  if (read(file.get(), text.data(), text.size() - 1) <= 0) return {};
  int64_t waited = 0;
  if (std::sscanf(text.data(), "%*u %" SCNd64, &waited) != 1) return {};
  return std::chrono::nanoseconds(waited);
}

}  // namespace

Duration ThreadBusyTime() {
  return TimeOnProcessor() + WaitsForProcessor();
}

}  // namespace copper::storage
