#include "app/mpi_guard.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "app/main_loop.h"

namespace copper::app {
namespace {

UniqueFd OpenSignals() {
  const sigset_t set = TakenSignals();
  return UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string Describe(int signal) {
  if (signal == SIGUSR1) return "the launcher says that another rank has died";
  return std::string("signal ") + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace

MpiGuard::MpiGuard(Duration patience, int status, std::function<void(const std::string&)> on_failure)
    : status_(status),
      on_failure_(std::move(on_failure)),
      signals_(OpenSignals()),
      over_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this, deadline = std::chrono::steady_clock::now() + patience] { Watch(deadline); }) {}

MpiGuard::~MpiGuard() {
  eventfd_write(over_.get(), 1);
  thread_.join();
}

void MpiGuard::Watch(TimePoint deadline) {
  std::string reason;
  while (reason.empty()) {
    pollfd waiting[] = {{over_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = poll(waiting, std::size(waiting), static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (waiting[0].revents != 0) return;
    signalfd_siginfo info{};
    const bool signalled = waiting[1].revents != 0 && read(signals_.get(), &info, sizeof info) == sizeof info;
    if (signalled) reason = Describe(static_cast<int>(info.ssi_signo));
    if (!signalled && std::chrono::steady_clock::now() >= deadline) reason = "MPI did not return in time";
  }
  on_failure_(reason);
  _exit(status_);
}

}  // namespace copper::app
