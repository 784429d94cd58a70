// A WorkerPool without threads: tasks run as events, each on a fiber, so that it may wait for the source; as many at
// once as the pool has threads, and more where some are stuck, as there (copper/base/worker_pool.h).
#pragma once

#include <list>
#include <vector>

#include "copper/base/worker_pool.h"
#include "simulation/event_queue.h"
#include "simulation/fibers.h"

namespace copper::simulation {

class SimulatedExecutor final : public Executor {
 public:
  struct Options {
    size_t threads = 1;
    Duration wake{};  // until a thread runs that slept
    Duration stuck_after = Duration::max();
    size_t most_stuck = 0;
  };
  SimulatedExecutor(Options options, EventQueue& queue, Fibers& fibers, Host& host)
      : options_(options), queue_(queue), fibers_(fibers), host_(host) {}

  void Submit(Task task) override;
  void OnTick() override;
  // Drops what has not begun. What has begun goes on, as far as the source lets it.
  void Stop();

  size_t running() const { return running_.size(); }
  // The longest that a task took, from Submit to its end.
  Duration longest() const { return longest_; }
  // Breaks the product, for tests of the checks: tasks are never run.
  void LoseTasks() { loses_ = true; }

 private:
  struct Waiting {
    TimePoint since;
    Task task;
  };
  struct Running {
    TimePoint begun;
    bool stuck = false;
  };

  void Schedule();
  void RunFirst();

  const Options options_;
  EventQueue& queue_;
  Fibers& fibers_;
  Host& host_;
  std::list<Waiting> tasks_;    // a deque takes half a KiB while it is empty
  std::list<Running> running_;  // in the order in which they began
  size_t stuck_ = 0;            // of these
  bool stopped_ = false;
  Duration longest_{};
  bool loses_ = false;
  std::vector<Task> lost_;
};

}  // namespace copper::simulation
