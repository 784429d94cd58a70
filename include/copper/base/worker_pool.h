// Threads that run tasks in the order they came. Tasks may block (they are where the source is read); Submit does not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "copper/base/result.h"

namespace copper {

using Task = std::move_only_function<void()>;

// Where a task runs is behind an interface: tests run tasks in place, or when they say so.
class Executor {
 public:
  virtual ~Executor() = default;
  // Any thread. After Stop (or at the end of a test) tasks are dropped unrun.
  virtual void Submit(Task task) = 0;
};

class WorkerPool final : public Executor {
 public:
  // `name` (15 bytes at most) is what ps and gdb show. Threads start when first needed, up to `threads`; where the host
  // allows no more of them, there are fewer.
  WorkerPool(std::string name, size_t threads);
  ~WorkerPool() override;

  // Starts the first of them, so that no task waits for one that is never to be had. EAGAIN: the host allows none.
  Status StartFirst();

  void Submit(Task task) override;
  // Drops what has not begun, waits for what has. Idempotent; not from a task.
  void Stop();

 private:
  bool AddThread();  // with the lock
  void Run();

  const std::string name_;
  const size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

// Names the calling thread for ps and gdb.
void NameThread(const char* name);

}  // namespace copper
