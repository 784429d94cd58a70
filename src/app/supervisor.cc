#include "app/supervisor.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "app/main_loop.h"
#include "copper/base/files.h"
#include "copper/base/process_stat.h"
#include "copper/base/program_pages.h"

namespace copper::app {
namespace {

UniqueFd OpenProcess(pid_t process) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
}

// From the mounter: the daemon was killed, but the kernel holds a thread of it, so that SIGCHLD may never come.
constexpr int kHeldByKernel = SIGUSR2;

// What the daemon says to its parent.
struct Word {
  bool leaving = false;  // else: it serves
  int32_t status = 0;
  int64_t longest_ns = 0;
};

// A moment for the log's thread: the last lines before a crash are the ones that matter. The signal's default comes
// then, whether the fault is met again or somebody sent it.
void EndByDefault(int signal) {
  timespec left{.tv_sec = 0, .tv_nsec = 100'000'000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  raise(signal);
}

// The parent's side. The child is not waited for before it has ended, so its pid is its own whenever a signal is passed
// on.
class Watch {
 public:
  Watch(pid_t daemon, const Supervisor::Options& options, const sigset_t& signals, UniqueFd words, UniqueFd launcher)
      : daemon_(daemon),
        options_(options),
        signalled_(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)),
        words_(std::move(words)),
        launcher_(std::move(launcher)) {}

  [[noreturn]] void Run() {
    while (!ended_ && !given_up_) {
      Wait();
      TakeWords();
      TakeSignals();
      if (std::chrono::steady_clock::now() >= deadline_) OnOverdue();
    }
    if (ended_) TakeWords();  // those that came with its end
    if (!ended_ || (WIFSIGNALED(*ended_) && !HadLeft())) Mourn();
    EndAsIt();
  }

 private:
  void Wait() {
    // A negative descriptor is left out.
    pollfd waiting[] = {{signalled_.get(), POLLIN, 0}, {launcher_.get(), POLLIN, 0}, {words_.get(), POLLIN, 0}};
    poll(waiting, std::size(waiting), Timeout());
    if (waiting[1].revents == 0) return;
    launcher_.Reset();
    PassOn(SIGTERM);
  }

  int Timeout() const {
    if (deadline_ == kNever) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::max<int64_t>(left.count(), 0));
  }

  void TakeSignals() {
    signalfd_siginfo info{};
    while (!ended_ && read(signalled_.get(), &info, sizeof info) == sizeof info) {
      int status = 0;
      if (waitpid(daemon_, &status, WNOHANG) == daemon_) {
        ended_ = status;
      } else if (info.ssi_signo == kHeldByKernel) {
        EndsWithin(Duration(0));
      } else if (info.ssi_signo != SIGCHLD) {
        PassOn(static_cast<int>(info.ssi_signo));
      }
    }
  }

  void PassOn(int signal) {
    kill(daemon_, signal);
    if (signal == SIGUSR1) return;
    kill(daemon_, SIGCONT);
    EndsWithin(options_.ends_within);
  }

  void TakeWords() {
    Word word;
    while (recv(words_.get(), &word, sizeof word, MSG_DONTWAIT) == sizeof word) {
      served_ = served_ || !word.leaving;
      if (!word.leaving || told_) continue;
      told_ = word.status;
      EndsWithin(Duration(word.longest_ns));
    }
    char byte = 0;  // at its end the socket is always readable
    if (recv(words_.get(), &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK) == 0) words_.Reset();
  }

  void EndsWithin(Duration time) { deadline_ = std::min(deadline_, std::chrono::steady_clock::now() + time); }

  void OnOverdue() {
    given_up_ = killed_;
    killed_ = true;
    kill(daemon_, SIGKILL);
    deadline_ = std::chrono::steady_clock::now() + options_.dies_within;
  }

  // What is told may have to be written into a directory that hangs: by a process of its own, since the kernel would
  // hold this one with a thread.
  void Mourn() const {
    const pid_t mourner = fork();
    if (mourner < 0) return;
    if (mourner == 0) {
      CloseStandard();
      CloseAllBut({});
      options_.on_death(daemon_, ended_ ? WTERMSIG(*ended_) : 0, served_);
      _exit(EXIT_SUCCESS);
    }
    const UniqueFd ended = OpenProcess(mourner);
    pollfd waiting{.fd = ended.get(), .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::ceil<std::chrono::milliseconds>(options_.dies_within);
    if (ended) poll(&waiting, 1, static_cast<int>(patience.count()));
  }

  // Killed on its way out, when nothing was left to do: its status is what it said.
  bool HadLeft() const { return killed_ && told_; }

  [[noreturn]] void EndAsIt() const {
    if (ended_ && !WIFSIGNALED(*ended_)) _exit(WEXITSTATUS(*ended_));
    if (HadLeft()) _exit(*told_);
    if (!ended_) _exit(128 + SIGKILL);
    if (served_) _exit(128 + WTERMSIG(*ended_));
    kill(getpid(), SIGKILL);
    _exit(EXIT_FAILURE);
  }

  const pid_t daemon_;
  const Supervisor::Options& options_;
  const UniqueFd signalled_;
  UniqueFd words_;
  UniqueFd launcher_;
  TimePoint deadline_ = kNever;
  bool served_ = false;
  std::optional<int> told_;   // the status that the daemon leaves with
  std::optional<int> ended_;  // as waitpid(2) has it
  bool killed_ = false;
  bool given_up_ = false;
};

}  // namespace

Result<Supervisor> Supervisor::Fork(const Options& options) {
  UniqueFd launcher = options.has_launcher ? OpenProcess(getppid()) : UniqueFd();  // before anybody can rely on it
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return FailErrno("cannot start the daemon");
  UniqueFd theirs(ends[0]), ours(ends[1]);
  sigset_t signals = TakenSignals();
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, kHeldByKernel);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  const pid_t supervisor = getpid();
  const pid_t daemon = fork();
  if (daemon < 0) return FailErrno("cannot start the daemon");
  if (daemon == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) _exit(EXIT_FAILURE);  // it was killed before
    return Supervisor(std::move(theirs));
  }
  prctl(PR_SET_NAME, "copper-parent");
  // The launcher knows by the end of its connections that the daemon is gone: they must not stay open here.
  CloseAllBut({ours.get(), launcher.get()});
  theirs.Release();       // closed with the others
  LetGoOfProgramPages();  // ten MiB that the dynamic linker has touched, and nobody will again
  Watch(daemon, options, signals, std::move(ours), std::move(launcher)).Run();
}

void Supervisor::TellServing() const {
  const Word word;
  static_cast<void>(send(words_.get(), &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void Supervisor::TellLeaving(int status, Duration longest) const {
  const Word word{.leaving = true, .status = status, .longest_ns = longest.count()};
  static_cast<void>(send(words_.get(), &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void LetCrashesEndBySignal() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // those report by such handlers
  struct sigaction action{};
  action.sa_handler = EndByDefault;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(signal, &action, nullptr);
#endif
}

bool AwaitEnd(pid_t supervisor, pid_t daemon) {
  constexpr int kPatienceMs = 1000;
  const UniqueFd ended = OpenProcess(supervisor);
  pollfd waiting{.fd = ended.get(), .events = POLLIN, .revents = 0};
  if (!ended || poll(&waiting, 1, kPatienceMs) == 1) return true;
  // As long as the daemon has it as its parent, its number is its own.
  const Result<ProcessStat> found = ReadProcessStat(daemon);
  if (found && found->parent == supervisor) kill(supervisor, kHeldByKernel);
  return false;
}

}  // namespace copper::app
