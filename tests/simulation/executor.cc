#include "simulation/executor.h"

#include <algorithm>
#include <utility>

namespace copper::simulation {

void SimulatedExecutor::Submit(Task task) {
  if (stopped_) return;
  if (loses_) return lost_.push_back(std::move(task));  // nobody hears of it again, as of a thread that hangs
  tasks_.push_back({queue_.Now(), std::move(task)});
  Schedule();
}

void SimulatedExecutor::Schedule() {
  queue_.After(options_.wake, What::kTask, host_, [this] { RunFirst(); });
}

void SimulatedExecutor::RunFirst() {
  if (stopped_ || tasks_.empty() || running_.size() - stuck_ >= options_.threads) return;
  Waiting first = std::move(tasks_.front());
  tasks_.pop_front();
  const auto running = running_.insert(running_.end(), {queue_.Now()});
  fibers_.Run([this, running, since = first.since, task = std::move(first.task)]() mutable {
    task();
    task = nullptr;
    longest_ = std::max<Duration>(longest_, queue_.Now() - since);
    if (running->stuck) --stuck_;
    running_.erase(running);
    if (!tasks_.empty()) Schedule();
  });
}

void SimulatedExecutor::OnTick() {
  if (stopped_ || tasks_.empty() || options_.most_stuck == 0) return;
  const TimePoint stuck_since = queue_.Now() - options_.stuck_after;
  for (Running& one : running_) {
    if (one.begun > stuck_since || stuck_ == options_.most_stuck) break;
    if (std::exchange(one.stuck, true)) continue;
    ++stuck_;
    Schedule();
  }
}

void SimulatedExecutor::Stop() {
  stopped_ = true;
  tasks_.clear();
  lost_.clear();
}

}  // namespace copper::simulation
