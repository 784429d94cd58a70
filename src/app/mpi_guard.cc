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
  return std::string("signal ") + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

}  // namespace

MpiGuard::MpiGuard(Duration patience, Duration patience_after_death, WhenTold when_told, int status,
                   std::function<void(const std::string&)> on_failure)
    : patience_after_death_(patience_after_death),
      when_told_(when_told),
      status_(status),
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
  bool death = false;
  while (reason.empty()) {
    pollfd waiting[] = {{over_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = poll(waiting, std::size(waiting), static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    if (waiting[0].revents != 0) {
      if (death) kill(getpid(), SIGUSR1);
      return;
    }
    signalfd_siginfo info{};
    const bool signalled = waiting[1].revents != 0 && read(signals_.get(), &info, sizeof info) == sizeof info;
    const TimePoint now = std::chrono::steady_clock::now();
    if (signalled && info.ssi_signo == SIGUSR1 && !death) {
      death = true;
      deadline = std::min(deadline, now + patience_after_death_);
    } else if (signalled && info.ssi_signo != SIGUSR1 && when_told_ == WhenTold::kEnds) {
      reason = Describe(static_cast<int>(info.ssi_signo));
    } else if (now >= deadline) {
      reason = death ? "the launcher says that another rank has died" : "MPI did not return in time";
    }
  }
  on_failure_(reason);
  _exit(status_);
}

}  // namespace copper::app
