// Mutexes that Clang's thread-safety analysis knows (-Wthread-safety; std::mutex tells it nothing), and the words to
// say what they guard: https://clang.llvm.org/docs/ThreadSafetyAnalysis.html. Other compilers see nothing of these
// words.
//
//   Mutex mutex_;
//   std::deque<Task> tasks_ GUARDED_BY(mutex_);
//   bool MayRun() const REQUIRES(mutex_);      // called with the lock
//   void Stop() EXCLUDES(mutex_);              // called without it: takes it
//
//   const MutexLock lock(mutex_);
//   changed_.Wait(mutex_, [this]() REQUIRES(mutex_) { return !tasks_.empty(); });
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

#ifdef __clang__
#define COPPER_THREAD_SAFETY(word) __attribute__((word))
#else
#define COPPER_THREAD_SAFETY(word)
#endif
#define CAPABILITY(name) COPPER_THREAD_SAFETY(capability(name))
#define SCOPED_CAPABILITY COPPER_THREAD_SAFETY(scoped_lockable)
#define GUARDED_BY(mutex) COPPER_THREAD_SAFETY(guarded_by(mutex))
#define PT_GUARDED_BY(mutex) COPPER_THREAD_SAFETY(pt_guarded_by(mutex))
#define REQUIRES(...) COPPER_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) COPPER_THREAD_SAFETY(requires_shared_capability(__VA_ARGS__))
#define EXCLUDES(...) COPPER_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) COPPER_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) COPPER_THREAD_SAFETY(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) COPPER_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) COPPER_THREAD_SAFETY(release_generic_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) COPPER_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
// Where the analysis can't follow: say why beside it.
#define NO_THREAD_SAFETY_ANALYSIS COPPER_THREAD_SAFETY(no_thread_safety_analysis)

namespace copper {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  bool try_lock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

// As std::lock_guard; may be given back before its end.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void Lock() ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class CAPABILITY("shared_mutex") SharedMutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }
  void lock_shared() ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() RELEASE_GENERIC() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriterLock() RELEASE() { mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
  ~ReaderLock() RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

// std::condition_variable over a Mutex that the caller holds, which it holds again when a wait is over. `is_so` is
// called with the lock.
class Condition {
 public:
  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

  void Wait(Mutex& mutex) REQUIRES(mutex) {
    With(mutex, [&](auto& lock) { return changed_.wait(lock), true; });
  }
  template <class IsSo>
  void Wait(Mutex& mutex, IsSo is_so) REQUIRES(mutex) {
    With(mutex, [&](auto& lock) { return changed_.wait(lock, is_so), true; });
  }
  // False if the time was over and it is not so.
  template <class Clock, class Length, class IsSo>
  bool WaitUntil(Mutex& mutex, const std::chrono::time_point<Clock, Length>& until, IsSo is_so) REQUIRES(mutex) {
    return With(mutex, [&](auto& lock) { return changed_.wait_until(lock, until, is_so); });
  }
  template <class Rep, class Period, class IsSo>
  bool WaitFor(Mutex& mutex, const std::chrono::duration<Rep, Period>& time, IsSo is_so) REQUIRES(mutex) {
    return With(mutex, [&](auto& lock) { return changed_.wait_for(lock, time, is_so); });
  }

 private:
  // The lock is only lent, also where `wait` throws.
  template <class Waiting>
  static bool With(Mutex& mutex, Waiting wait) REQUIRES(mutex) {
    struct Lent {
      std::unique_lock<std::mutex> lock;
      ~Lent() { lock.release(); }
    } lent{std::unique_lock<std::mutex>(mutex.mutex_, std::adopt_lock)};
    return wait(lent.lock);
  }

  std::condition_variable changed_;
};

}  // namespace copper
