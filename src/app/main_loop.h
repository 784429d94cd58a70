// The loop of the main thread while the job serves: it sleeps in poll(2) until a signal comes, another thread posts a
// task, or the mount table changes. It wakes by itself only where and when it is told to: on the job's first ranks, and
// while the job ends.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"
#include "copper/base/unique_fd.h"
#include "copper/base/worker_pool.h"

namespace copper::app {

// Keeps SIGINT, SIGTERM, SIGHUP and SIGUSR1 for the loop to take, and ignores SIGPIPE. In the main thread, before
// there is any other: threads inherit the mask.
void TakeSignals();
sigset_t TakenSignals();

class MainLoop final : public Executor {
 public:
  struct Handlers {
    std::function<void(int signal, pid_t sender)> on_signal;
    std::function<void()> on_mount_table;
    std::function<void()> on_tick;
  };

  static Result<std::unique_ptr<MainLoop>> Open();

  // Runs the task in the loop; dropped, unrun, once the loop has ended. Any thread; does not block.
  void Submit(Task task) override;

  // Until End is called. EIO where the kernel does not let it wait.
  Status Run(const Handlers& handlers);
  void End() { running_ = false; }  // from a task or a handler
  // How often on_tick is called from now on; nullopt: never, as at first. From a task or a handler, or before Run.
  void TickEvery(std::optional<Duration> pause);

 private:
  MainLoop(UniqueFd signals, UniqueFd wake, UniqueFd mounts)
      : signals_(std::move(signals)), wake_(std::move(wake)), mounts_(std::move(mounts)) {}
  Status Wait();
  void TickIfDue(const Handlers& handlers);
  void RunTasks() EXCLUDES(mutex_);
  void TakeSignal(const Handlers& handlers);
  void Close();

  const UniqueFd signals_;         // signalfd
  const UniqueFd wake_;            // eventfd
  const UniqueFd mounts_;          // /proc/self/mountinfo: an exceptional condition when the table changes
  bool running_ = true;            // main thread only
  std::optional<Duration> pause_;  // between ticks
  TimePoint next_tick_{};
  bool mounts_changed_ = true;
  bool signal_waits_ = false;

  Mutex mutex_;  // never held while a task runs
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper::app
