// Threads that run tasks in the order they came. Tasks may block (they are where the source is read); Submit does not.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"

namespace copper {

using Task = std::move_only_function<void()>;

// Where a task runs is behind an interface: tests run tasks in place, or when they say so.
class Executor {
 public:
  virtual ~Executor() = default;
  // Any thread. After Stop (or at the end of a test) tasks are dropped unrun.
  virtual void Submit(Task task) = 0;
  // Called now and then while anybody waits for a task. Any thread; does not block.
  virtual void OnTick() {}
};

class WorkerPool final : public Executor {
 public:
  // A task that has run for `after` is stuck, as in a part of the source that does not answer: it no longer counts as
  // one of the pool's threads, so that others get their turn. Up to `most` tasks.
  struct Relief {
    const Clock& clock;
    Duration after;
    size_t most;
  };

  // `name` (15 bytes at most) is what ps and gdb show. Threads start when first needed, up to `threads`; where the host
  // allows no more of them, there are fewer. Without `relief` no task is ever stuck.
  WorkerPool(std::string name, size_t threads, std::optional<Relief> relief = std::nullopt);
  ~WorkerPool() override;

  // Starts the first of them, so that no task waits for one that is never to be had. EAGAIN: the host allows none.
  Status StartFirst();

  void Submit(Task task) override;
  void OnTick() override;
  // Drops what has not begun, waits for what has. Idempotent; not from a task.
  void Stop() EXCLUDES(mutex_);

 private:
  struct Running {
    TimePoint begun;
    bool stuck = false;
  };

  TimePoint Now() const { return relief_ ? relief_->clock.Now() : TimePoint(); }
  void AddThreads(size_t most) REQUIRES(mutex_);
  bool AddThread() REQUIRES(mutex_);
  bool HasTurn() const REQUIRES(mutex_) { return !tasks_.empty() && running_.size() - stuck_ < max_threads_; }
  // The task itself runs without the lock.
  void RunFirst() REQUIRES(mutex_);
  void Run();

  const std::string name_;
  const size_t max_threads_;
  const std::optional<Relief> relief_;
  Mutex mutex_;
  Condition work_;
  std::deque<Task> tasks_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  std::list<Running> running_ GUARDED_BY(mutex_);  // in the order in which they began
  size_t stuck_ GUARDED_BY(mutex_) = 0;            // of these
  size_t idle_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
};

// Names the calling thread for ps and gdb.
void NameThread(const char* name);

}  // namespace copper
