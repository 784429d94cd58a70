// One T for each thread that asks, owned by the PerThread and not by the thread: whoever holds the PerThread can look
// at all of them, also at those of threads that have ended. No global or thread_local: two of them never meet.
#pragma once

#include <pthread.h>

#include <functional>
#include <list>
#include <new>

#include "copper/base/mutex.h"

namespace copper {

// T locks itself: its own thread and ForEach may be at it together. Where the process has no key left (there are 1024),
// all threads share one T.
template <class T>
class PerThread {
 public:
  using List = std::list<T>;
  // `make` appends one T to a list.
  using Make = std::function<void(List&)>;

  explicit PerThread(Make make) : make_(std::move(make)), has_key_(pthread_key_create(&key_, nullptr) == 0) {
    if (has_key_) return;
    make_(all_);
    everybodys_ = &all_.front();
  }
  ~PerThread() {
    if (has_key_) pthread_key_delete(key_);
  }
  PerThread(const PerThread&) = delete;
  PerThread& operator=(const PerThread&) = delete;

  // That of the calling thread.
  T& Mine() {
    if (everybodys_ != nullptr) return *everybodys_;
    void* const mine = pthread_getspecific(key_);
    return mine != nullptr ? *static_cast<T*>(mine) : Add();
  }

  // All that there are. A thread that comes new waits meanwhile.
  template <class Each>
  void ForEach(Each each) {
    const MutexLock lock(mutex_);
    for (T& one : all_) each(one);
  }

 private:
  T& Add() {
    List mine;
    make_(mine);
    T& made = mine.front();
    if (pthread_setspecific(key_, &made) != 0) throw std::bad_alloc();
    const MutexLock lock(mutex_);
    all_.splice(all_.end(), mine);
    return made;
  }

  const Make make_;
  pthread_key_t key_{};
  const bool has_key_;
  T* everybodys_ = nullptr;  // where there is no key
  Mutex mutex_;
  List all_ GUARDED_BY(mutex_);
};

}  // namespace copper
