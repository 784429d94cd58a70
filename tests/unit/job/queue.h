// An executor whose tasks run when the test says so.
#pragma once

#include <deque>

#include "copper/base/worker_pool.h"

namespace copper::job {

class Queue final : public Executor {
 public:
  void Submit(Task task) override { tasks_.push_back(std::move(task)); }
  bool RunOne() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }

 private:
  std::deque<Task> tasks_;
};

}  // namespace copper::job
