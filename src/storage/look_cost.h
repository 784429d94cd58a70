// Remembers on which file systems a look at one entry is too expensive to look at every entry of a directory, so that
// this is not measured again with each listing: each look may take milliseconds. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace copper::storage {

class LookCost {
 public:
  // It may have been one slow answer of many: the next listing after so many is a measurement again.
  static constexpr int kListingsBelieved = 31;

  // Whether the entries of a directory on this device should be looked at; asked once a listing.
  bool MayBeCheap(uint64_t device) {
    const std::lock_guard lock(mutex_);
    const auto it = expensive_.find(device);
    if (it == expensive_.end()) return true;
    if (--it->second == 0) expensive_.erase(it);
    return false;
  }
  void SetExpensive(uint64_t device) {
    const std::lock_guard lock(mutex_);
    expensive_[device] = kListingsBelieved;
  }

 private:
  std::mutex mutex_;                   // guards expensive_
  std::map<uint64_t, int> expensive_;  // device -> listings for which this is believed
};

}  // namespace copper::storage
