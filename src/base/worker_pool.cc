#include "copper/base/worker_pool.h"

#include <pthread.h>

#include <cerrno>
#include <exception>

namespace copper {

void NameThread(const char* name) {
  pthread_setname_np(pthread_self(), name);
}

WorkerPool::WorkerPool(std::string name, size_t threads) : name_(std::move(name)), max_threads_(threads) {}

WorkerPool::~WorkerPool() {
  Stop();
}

void WorkerPool::Submit(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
  if (idle_ < tasks_.size() && threads_.size() < max_threads_) static_cast<void>(AddThread());
  work_.notify_one();
}

Status WorkerPool::StartFirst() {
  const std::lock_guard lock(mutex_);
  if (threads_.empty() && !AddThread()) return Fail(EAGAIN, "no thread is to be had (ulimit -u, ulimit -v)");
  return {};
}

// False: there is none to be had now. A task waits for those that are there, or for the next Submit.
bool WorkerPool::AddThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void WorkerPool::Stop() {
  std::vector<std::thread> threads;
  std::deque<Task> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    threads.swap(threads_);
    dropped.swap(tasks_);
    work_.notify_all();
  }
  for (std::thread& thread : threads) thread.join();
}

void WorkerPool::Run() {
  NameThread(name_.c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    work_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (stopping_) return;
    {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }  // what the task holds is freed outside the lock
    lock.lock();
  }
}

}  // namespace copper
