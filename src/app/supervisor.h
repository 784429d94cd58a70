// The process that the launcher started stays behind as the daemon's parent and does nothing but wait for it.
//
// Hydra's proxy sends SIGKILL to all ranks as soon as it notices that a process which it started has ended by a signal,
// whether or not it was given -disable-auto-cleanup. It never notices one: the supervisor ends with an exit status,
// 128 + n where the daemon ended by signal n. (Before the job serves, where all ranks wait for one another, it ends by
// the signal: without a rank there is no job.) It passes SIGINT, SIGTERM, SIGHUP and SIGUSR1 on, sends SIGTERM
// when the launcher's process on this host has ended, and takes the daemon with it when it is killed itself.
//
// It does not wait for ever. A daemon that is frozen (SIGSTOP) is woken when it is told to end. One that has said that
// it leaves, or was told to end, and is still there when its time is over, is killed; and where even that does not end
// it, since the kernel holds a thread (state D: a source that answers nothing), the supervisor ends without it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"

namespace copper::app {

class Supervisor {
 public:
  struct Options {
    bool has_launcher = false;
    // From when the daemon is told to end, and from when it is killed, until it has ended.
    Duration ends_within = std::chrono::minutes(3);
    Duration dies_within = std::chrono::seconds(3);
    // In the parent, before it ends: the child ended by a signal; 0: it has not ended, though it was killed.
    std::function<void(pid_t daemon, int signal, bool served)> on_death;
  };
  // Forks: with one thread only, after TakeSignals. Returns in the child, where the daemon is to run.
  static Result<Supervisor> Fork(const Options& options);

  // The job serves: it goes on without this rank.
  void TellServing() const;
  // The daemon has done its work, and ends with `status` within `longest`. Any thread; the first word counts.
  void TellLeaving(int status, Duration longest) const;

 private:
  explicit Supervisor(UniqueFd words) : words_(std::move(words)) {}
  UniqueFd words_;  // a socket to the parent
};

// Takes back the handlers that MPI's and the fabric's libraries have set for crashes: some of them turn a crash into an
// exit status 1, and litter the working directory. To be called when they are loaded and up.
void LetCrashesEndBySignal();

// For the mounter, once the daemon's main thread has ended: waits a second for the end of the supervisor, which knows
// how that came. Where it waits itself, since the kernel holds another thread of the daemon, it is told so: false, it
// will say what there is to say.
bool AwaitEnd(pid_t supervisor, pid_t daemon);

}  // namespace copper::app
