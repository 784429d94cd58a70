// Whether looking at every entry of a directory is too expensive on a file system: each look may take milliseconds over
// a network, and 2 us on a local disk.
//
// Judged by what repeats: a look that is slow because this node is busy (its thread had to wait for a processor) is one
// of many, whatever it took, while over a slow network most are. A verdict that is wrong all the same costs many
// requests between ranks, each name by itself; so the first holds for one listing, and only those that are found true
// again hold for longer, up to kMostListings and kBelievedFor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>

#include "copper/base/clock.h"

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

// What was found of each file system. Any thread.
class LookCost {
 public:
  static constexpr int kMostListings = 31;
  static constexpr Duration kBelievedFor = std::chrono::seconds(30);

  // Whether the entries of a directory on this device should be looked at; asked once a listing.
  bool MayBeCheap(uint64_t device, TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto it = expensive_.find(device);
    if (it == expensive_.end() || it->second.listings == 0 || now >= it->second.until) return true;
    --it->second.listings;
    return false;
  }
  void Note(uint64_t device, const LookMeasurement& measured, TimePoint now) {
    const std::lock_guard lock(mutex_);
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

  std::mutex mutex_;                      // guards expensive_
  std::map<uint64_t, Belief> expensive_;  // by device
};

}  // namespace copper::storage
