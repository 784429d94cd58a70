#include "copper/base/worker_pool.h"

#include <pthread.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace copper {

void NameThread(const char* name) {
  pthread_setname_np(pthread_self(), name);
}

WorkerPool::WorkerPool(std::string name, size_t threads, std::optional<Relief> relief)
    : name_(std::move(name)), max_threads_(threads), relief_(relief) {}

WorkerPool::~WorkerPool() {
  Stop();
}

void WorkerPool::Submit(Task task) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  AddThreads(1);
  work_.NotifyOne();
}

Status WorkerPool::StartFirst() {
  const MutexLock lock(mutex_);
  if (threads_.empty() && !AddThread()) return Fail(EAGAIN, "no thread is to be had (ulimit -u, ulimit -v)");
  return {};
}

void WorkerPool::OnTick() {
  if (!relief_) return;
  const MutexLock lock(mutex_);
  if (stopping_ || tasks_.empty()) return;
  const TimePoint stuck_since = Now() - relief_->after;
  for (Running& one : running_) {
    if (one.begun > stuck_since || stuck_ == relief_->most) break;
    if (!std::exchange(one.stuck, true)) ++stuck_;
  }
  AddThreads(tasks_.size());
  work_.NotifyAll();
}

void WorkerPool::AddThreads(size_t most) {
  for (; most > 0 && idle_ < tasks_.size() && threads_.size() < max_threads_ + stuck_; --most) {
    if (!AddThread()) return;
  }
}

// False: there is none to be had now. A task waits for those that are there, or for the next Submit.
bool WorkerPool::AddThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void WorkerPool::Stop() {
  std::vector<std::thread> threads;
  std::deque<Task> dropped;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    dropped.swap(tasks_);
    work_.NotifyAll();
  }
  for (std::thread& thread : threads) thread.join();
}

void WorkerPool::Run() {
  NameThread(name_.c_str());
  const MutexLock lock(mutex_);
  while (true) {
    ++idle_;
    work_.Wait(mutex_, [this]() REQUIRES(mutex_) { return stopping_ || HasTurn(); });
    --idle_;
    if (stopping_) return;
    RunFirst();
  }
}

void WorkerPool::RunFirst() {
  const auto running = running_.insert(running_.end(), {Now()});
  {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    mutex_.unlock();
    task();
  }  // what the task holds is freed outside the lock
  mutex_.lock();
  if (running->stuck) --stuck_;
  running_.erase(running);
}

}  // namespace copper
