// Which ranks this rank believes to be lost: what the routes around them, and the job's end, go by.
//
// A belief, not a verdict: a rank that answers again is taken off, and orders go to the lost too. Any thread.
#pragma once

#include <set>
#include <vector>

#include "copper/base/ids.h"
#include "copper/base/mutex.h"

namespace copper::job {

class Losses {
 public:
  void Note(Rank rank, bool lost) {
    const MutexLock lock(mutex_);
    if (lost) {
      lost_.insert(rank);
    } else {
      lost_.erase(rank);
    }
  }
  // The launcher says that some rank has died, not which: from then on no MPI call may be made, whoever it was.
  void NoteDeath() {
    const MutexLock lock(mutex_);
    death_ = true;
  }

  bool Contains(Rank rank) const {
    const MutexLock lock(mutex_);
    return lost_.contains(rank);
  }
  bool death() const {
    const MutexLock lock(mutex_);
    return death_;
  }
  std::vector<Rank> All() const {
    const MutexLock lock(mutex_);
    return {lost_.begin(), lost_.end()};
  }

 private:
  mutable Mutex mutex_;
  std::set<Rank> lost_ GUARDED_BY(mutex_);
  bool death_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper::job
