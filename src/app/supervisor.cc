#include "app/supervisor.h"

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <vector>

#include "app/main_loop.h"

namespace copper::app {
namespace {

// The launcher knows by the end of its connections that the daemon is gone: they must not stay open here.
void CloseConnections(int kept) {
  std::vector<int> open_ones;
  if (DIR* const directory = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(directory)) open_ones.push_back(std::atoi(entry->d_name));
    closedir(directory);
  }
  for (const int fd : open_ones) {
    if (fd > STDERR_FILENO && fd != kept) close(fd);
  }
}

// The child is not waited for before it has ended, so its pid is its own whenever a signal is passed on.
int WaitFor(pid_t daemon, const sigset_t& signals) {
  while (true) {
    const int signal = sigwaitinfo(&signals, nullptr);
    int status = 0;
    if (waitpid(daemon, &status, WNOHANG) == daemon) return status;
    if (signal > 0 && signal != SIGCHLD) kill(daemon, signal);
  }
}

[[noreturn]] void EndAs(int status, bool served) {
  if (!WIFSIGNALED(status)) _exit(WEXITSTATUS(status));
  if (served) _exit(128 + WTERMSIG(status));
  kill(getpid(), SIGKILL);
  _exit(EXIT_FAILURE);
}

}  // namespace

Result<Supervisor> Supervisor::Fork(const std::function<void(pid_t daemon, int signal)>& on_death) {
  UniqueFd serving(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!serving) return FailErrno("cannot start the daemon");
  sigset_t signals = TakenSignals();
  sigaddset(&signals, SIGCHLD);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t supervisor = getpid();
  const pid_t daemon = fork();
  if (daemon < 0) return FailErrno("cannot start the daemon");
  if (daemon == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(EXIT_FAILURE);  // it was killed before
    return Supervisor(std::move(serving));
  }
  prctl(PR_SET_NAME, "copper-parent");
  CloseConnections(serving.get());
  const int status = WaitFor(daemon, signals);
  if (WIFSIGNALED(status)) on_death(daemon, WTERMSIG(status));
  eventfd_t served = 0;
  EndAs(status, eventfd_read(serving.get(), &served) == 0);
}

void Supervisor::TellServing() const {
  eventfd_write(serving_.get(), 1);
}

void LetCrashesEndBySignal() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those report by such handlers
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(signal, SIG_DFL);
#endif
}

void AwaitEnd(pid_t process) {
  constexpr int kPatienceMs = 1000;
  const UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
  pollfd waiting{.fd = ended.get(), .events = POLLIN, .revents = 0};
  if (ended) poll(&waiting, 1, kPatienceMs);
}

}  // namespace copper::app
