// Whether looking at every entry of a directory is too expensive on a file system: each look may take milliseconds over
// a network, and 2 us on a local disk.
//
// Judged by what repeats, and without what this node's load adds to it (LookTimer): over a slow network most looks are
// slow, whatever the node does. A verdict that is wrong all the same costs many requests between ranks, each name by
// itself; so the first holds for one listing, and only those that are found true again hold for longer, up to
// kMostListings and kBelievedFor. What such listings cost the ranks, and whether that is worth it, is for
// cache/bare_listings.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper::storage {

// The looks at the entries of one directory.
class LookMeasurement {
 public:
  // Looking at an entry costs about 2 us on a local file system and 200 us or more over a network.
  static constexpr Duration kCheapLook = std::chrono::microseconds(50);
  // So many slow ones are no accident.
  static constexpr int64_t kSlowOnes = 4;

  void Note(Duration look) {
    ++looks_;
    total_ += look;
    if (look > kCheapLook) ++slow_;
  }
  bool IsExpensive() const {
    if (slow_ < kSlowOnes) return false;
    // Most; or fewer, if they take so long that all of them together are too much.
    return 2 * slow_ > looks_ || (8 * slow_ > looks_ && total_ > looks_ * 10 * kCheapLook);
  }
  // Whether there were enough of them to say so.
  bool IsCheap() const { return looks_ >= kSlowOnes && !IsExpensive(); }

 private:
  int64_t looks_ = 0, slow_ = 0;
  Duration total_{};
};

// Times looks, one after the other, in one thread. Most are cheap, and take no more than a glance at the clock. From
// the first slow one on, which is not held against the file system, the time that the thread itself was busy is taken
// out: what it computed (memory that was to be found first, a sanitizer), and what it waited for a processor.
class LookTimer {
 public:
  // How long the calling thread has been busy in that sense, since it began.
  using BusyTime = std::function<Duration()>;

  LookTimer(const Clock& clock, const BusyTime& busy) : clock_(clock), busy_(busy), now_(clock.Now()) {}

  // What the look that has just ended took the file system; it began at the end of the one before.
  Duration Lap() {
    const TimePoint before = std::exchange(now_, clock_.Now());
    const Duration took = now_ - before;
    if (!busy_so_far_) {
      if (took <= LookMeasurement::kCheapLook) return took;
      busy_so_far_ = busy_();
      return {};
    }
    const Duration busy_before = std::exchange(*busy_so_far_, busy_());
    return std::max(took - (*busy_so_far_ - busy_before), Duration{});
  }
  TimePoint now() const { return now_; }  // the end of the last look

 private:
  const Clock& clock_;
  const BusyTime& busy_;
  TimePoint now_;
  std::optional<Duration> busy_so_far_;  // from the first slow look on
};

// What was found of each file system. Any thread.
class LookCost {
 public:
  static constexpr int kMostListings = 31;
  static constexpr Duration kBelievedFor = std::chrono::seconds(30);

  // Whether the entries of a directory on this device should be looked at; asked once a listing.
  bool MayBeCheap(uint64_t device, TimePoint now) {
    const MutexLock lock(mutex_);
    const auto it = expensive_.find(device);
    if (it == expensive_.end() || it->second.listings == 0 || now >= it->second.until) return true;
    --it->second.listings;
    return false;
  }
  void Note(uint64_t device, const LookMeasurement& measured, TimePoint now) {
    const MutexLock lock(mutex_);
    if (measured.IsCheap()) expensive_.erase(device);
    if (!measured.IsExpensive()) return;
    Belief& belief = expensive_[device];
    belief.span = std::min(2 * belief.span + 1, kMostListings);
    belief.listings = belief.span;
    belief.until = now + kBelievedFor;
  }

 private:
  struct Belief {
    int span = 0;      // listings for which the last verdict was believed
    int listings = 0;  // that remain of them
    TimePoint until{};
  };

  Mutex mutex_;
  std::map<uint64_t, Belief> expensive_ GUARDED_BY(mutex_);  // by device
};

}  // namespace copper::storage
