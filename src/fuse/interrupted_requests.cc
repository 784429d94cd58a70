#include "interrupted_requests.h"

#include <algorithm>
#include <iterator>

#include "copper/base/fatal_signals.h"
#include "copper/base/worker_pool.h"

namespace copper::fuse {

void InterruptedRequests::Start() {
  thread_ = std::thread([this] { Run(); });
}

void InterruptedRequests::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    new_.clear();
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void InterruptedRequests::Add(std::weak_ptr<Interruptible> request, pid_t thread) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return;
    new_.push_back({.request = std::move(request), .thread = thread});
  }
  changed_.NotifyOne();
}

// A new one at once, since most threads that die are killed while they wait undisturbed; all of them each kPause.
void InterruptedRequests::Run() {
  NameThread("copper-signals");
  TimePoint next_round{};
  while (true) {
    {
      const MutexLock lock(mutex_);
      const auto woken = [this]() REQUIRES(mutex_) { return stopping_ || !new_.empty(); };
      if (waiting_.empty()) {
        changed_.Wait(mutex_, woken);
        next_round = std::chrono::steady_clock::now() + kPause;
      } else {
        changed_.WaitUntil(mutex_, next_round, woken);
      }
      if (stopping_) return;
    }
    const TimePoint begin = std::chrono::steady_clock::now();
    LookAtNew();
    if (begin >= next_round) {
      LookAtAll();
      next_round = begin + kPause;
    }
    if (!Rest(std::chrono::steady_clock::now() - begin)) return;
  }
}

// Thousands of threads under a profiler's timer must not cost more than a tenth of a core. False: it is the end.
bool InterruptedRequests::Rest(Duration looked) {
  const MutexLock lock(mutex_);
  return !changed_.WaitFor(mutex_, 9 * looked, [this]() REQUIRES(mutex_) { return stopping_; });
}

void InterruptedRequests::LookAtNew() {
  std::vector<Waiting> added;
  {
    const MutexLock lock(mutex_);
    added.swap(new_);
  }
  for (Waiting& waiting : added) waiting.since = clock_.Now();
  std::erase_if(added, [this](Waiting& waiting) { return IsOver(waiting); });
  waiting_.insert(waiting_.end(), std::move_iterator(added.begin()), std::move_iterator(added.end()));
}

void InterruptedRequests::LookAtAll() {
  std::erase_if(waiting_, [this](Waiting& waiting) { return IsOver(waiting); });
}

bool InterruptedRequests::IsOver(Waiting& waiting) const {
  const auto request = waiting.request.lock();
  if (!request || request->IsAnswered()) return true;
  if (MustEnd(waiting)) request->EndInterrupted();
  return request->IsAnswered();  // not if its handler is still at work: then the next time
}

bool InterruptedRequests::MustEnd(Waiting& waiting) const {
  const CallerThreads::Seen seen = threads_->Look(waiting.thread);
  if (seen.how == CallerThreads::Seen::How::kGone) return true;
  if (seen.how == CallerThreads::Seen::How::kRead) {
    if (waiting.started == 0) waiting.started = seen.started;
    if (waiting.started != seen.started) return true;  // another thread: ours is gone
    if (const Fate fate = FateOf(seen.status); fate != Fate::kUnknown) return fate == Fate::kEnds;
  }
  return clock_.Now() - waiting.since >= kUnseen;
}

}  // namespace copper::fuse
