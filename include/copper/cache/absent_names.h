// Absent names that this node's kernel remembers, so that they can be taken back by name: a directory that is in use
// keeps its negative dentries, and the root of a mount can't be dropped at all.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"

namespace copper::cache {

// Any thread; the lock is a leaf.
class AbsentNames {
 public:
  struct Absent {
    std::string path;
    TimePoint until;  // the kernel believes it so long
  };
  // At most so many, some 5 MB; beyond them the kernel is to ask each time.
  static constexpr size_t kMax = 32768;

  // Whether the kernel may remember this path as absent until then.
  bool Note(const std::string& path, TimePoint valid_until, TimePoint now);
  // Forgets this one path, and says how long the kernel may believe it; nullopt: not noted.
  std::optional<TimePoint> TakeOne(const std::string& path);
  // Forgets this path and all below it, and says which they were.
  std::vector<Absent> Take(const std::string& path);
  size_t size() const;

 private:
  void DropOld(TimePoint now) REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::unordered_map<std::string, TimePoint> names_ GUARDED_BY(mutex_);
  TimePoint drop_next_ GUARDED_BY(mutex_){};  // no use in looking for old ones before
};

}  // namespace copper::cache
