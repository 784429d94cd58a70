// The process that the launcher started stays behind as the daemon's parent and does nothing but wait for it.
//
// Hydra's proxy sends SIGKILL to all ranks as soon as it notices that a process which it started has ended by a signal,
// whether or not it was given -disable-auto-cleanup. It never notices one: the supervisor ends with an exit status,
// 128 + n where the daemon ended by signal n. (Before the job serves, where all ranks wait for one another, it ends by
// the signal: without a rank there is no job.) It passes SIGINT, SIGTERM, SIGHUP and SIGUSR1 on, and takes the daemon
// with it when it is killed itself.
#pragma once

#include <sys/types.h>

#include <functional>
#include <utility>

#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::app {

class Supervisor {
 public:
  // Forks: with one thread only, after TakeSignals. Returns in the child, where the daemon is to run. The parent calls
  // `on_death` if the child ended by a signal, and ends.
  static Result<Supervisor> Fork(const std::function<void(pid_t daemon, int signal)>& on_death);

  // The job serves: it goes on without this rank.
  void TellServing() const;

 private:
  explicit Supervisor(UniqueFd serving) : serving_(std::move(serving)) {}
  UniqueFd serving_;  // eventfd
};

// Takes back the handlers that MPI's and the fabric's libraries have set for crashes: some of them turn a crash into an
// exit status 1, and litter the working directory. To be called when they are loaded and up.
void LetCrashesEndBySignal();

// Waits, for a second at most, until a process has ended that need not be a child of this one.
void AwaitEnd(pid_t process);

}  // namespace copper::app
