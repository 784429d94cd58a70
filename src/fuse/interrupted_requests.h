// Whether a request that was interrupted is still wanted.
//
// The kernel interrupts a request for any signal of the thread that waits for it: a timer that is handled, a child's
// end, a stop. On a local file system none of these shows. Only where the thread is to die does the request end, with
// EINTR. And it interrupts once only: afterwards the thread can't be woken, not even to die, until it is answered. So
// it is looked at again, as long as it waits.
//
// One thread ("copper-signals"), which sleeps while no interrupted request waits; reading /proc never waits for the
// threads that it tells of.
#pragma once

#include <sys/types.h>

#include <memory>
#include <thread>
#include <vector>

#include "copper/base/caller_threads.h"
#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper::fuse {

// A request that waits. Any thread.
class Interruptible {
 public:
  virtual ~Interruptible() = default;
  // Answers EINTR, if nobody has answered yet.
  virtual void EndInterrupted() = 0;
  // Somebody has, or is about to.
  virtual bool IsAnswered() const = 0;
};

class InterruptedRequests {
 public:
  // How often the waiting threads are looked at, and how long one of which nothing is known is waited for. (What is
  // known: its signals. Nothing: pid 0, of another namespace, or hidepid.)
  static constexpr Duration kPause = std::chrono::milliseconds(50);
  static constexpr Duration kUnseen = std::chrono::seconds(10);

  // `clock`: by which kUnseen is measured.
  InterruptedRequests(std::shared_ptr<CallerThreads> threads, const Clock& clock)
      : threads_(std::move(threads)), clock_(clock) {}
  ~InterruptedRequests() { Stop(); }

  void Start();
  // What has not ended is left alone from now on. Idempotent.
  void Stop();

  // Is interrupted; `thread` waits for it. Any thread; does not block.
  void Add(std::weak_ptr<Interruptible> request, pid_t thread);

  // What the thread does; for tests without it. Not for several threads at once.
  void LookAtNew();
  void LookAtAll();
  // That are still waited for, as of the last look.
  bool empty() const { return waiting_.empty(); }

 private:
  struct Waiting {
    std::weak_ptr<Interruptible> request;
    pid_t thread = 0;
    TimePoint since{};     // when it was first looked at
    uint64_t started = 0;  // of the thread; 0: not known yet
  };
  void Run();
  bool Rest(Duration looked);
  bool IsOver(Waiting& waiting) const;
  bool MustEnd(Waiting& waiting) const;

  const std::shared_ptr<CallerThreads> threads_;
  const Clock& clock_;
  std::vector<Waiting> waiting_;  // the thread's own
  Mutex mutex_;                   // leaf
  Condition changed_;
  std::vector<Waiting> new_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace copper::fuse
