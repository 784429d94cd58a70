#include "app/main_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace copper::app {

sigset_t TakenSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  return set;
}

void TakeSignals() {
  const sigset_t set = TakenSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;  // NOLINT(cppcoreguidelines-pro-type-union-access)
  sigaction(SIGPIPE, &ignore, nullptr);
}

Result<std::unique_ptr<MainLoop>> MainLoop::Open() {
  const sigset_t set = TakenSignals();
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd mounts(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
  if (!signals || !wake || !mounts) return FailErrno("cannot wait for signals and mounts");
  return std::unique_ptr<MainLoop>(new MainLoop(std::move(signals), std::move(wake), std::move(mounts)));
}

void MainLoop::Submit(Task task) {
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    tasks_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);  // full: the loop is awake already
}

Status MainLoop::Run(const Handlers& handlers) {
  Status waited;
  while (running_ && waited) {
    waited = Wait();
    if (signal_waits_) TakeSignal(handlers);
    RunTasks();
    if (std::exchange(mounts_changed_, false) && handlers.on_mount_table) handlers.on_mount_table();
    TickIfDue(handlers);
  }
  Close();
  return waited;
}

void MainLoop::TickEvery(std::optional<Duration> pause) {
  if (pause == pause_) return;
  pause_ = pause;
  next_tick_ = std::chrono::steady_clock::now();
}

void MainLoop::TickIfDue(const Handlers& handlers) {
  const TimePoint now = std::chrono::steady_clock::now();
  if (!pause_ || now < next_tick_) return;
  next_tick_ = now + *pause_;
  if (handlers.on_tick) handlers.on_tick();
}

Status MainLoop::Wait() {
  pollfd waiting[] = {
      {signals_.get(), POLLIN, 0},
      {wake_.get(), POLLIN, 0},
      {mounts_.get(), POLLPRI, 0},  // POLLERR comes with it, asked for or not
  };
  int timeout_ms = -1;
  if (pause_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_tick_ - std::chrono::steady_clock::now());
    timeout_ms = static_cast<int>(std::max<int64_t>(left.count(), 0));
  }
  if (poll(waiting, std::size(waiting), timeout_ms) < 0 && errno != EINTR)
    return FailErrno("the main loop cannot wait");
  signal_waits_ = waiting[0].revents != 0;
  mounts_changed_ = mounts_changed_ || waiting[2].revents != 0;
  return {};
}

void MainLoop::RunTasks() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_.get(), &count, sizeof count);  // before the tasks are taken
  std::vector<Task> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (Task& task : tasks) task();
}

void MainLoop::TakeSignal(const Handlers& handlers) {
  signalfd_siginfo info{};
  if (read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
  if (handlers.on_signal) handlers.on_signal(static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid));
}

void MainLoop::Close() {
  std::vector<Task> dropped;
  const MutexLock lock(mutex_);
  closed_ = true;
  dropped.swap(tasks_);
}

}  // namespace copper::app
