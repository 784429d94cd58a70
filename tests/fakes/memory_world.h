// bootstrap::World without MPI: all ranks in one process, each a thread of a test, or a fiber of the simulator. How
// they wait for each other is for Wakeups to say; nobody who waits is told anything before all have come.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/base/wakeup.h"
#include "copper/bootstrap/world.h"

namespace copper::fakes {

class MemoryWorlds {
 public:
  explicit MemoryWorlds(uint32_t ranks) : ranks_(ranks), met_(ranks) {}

  // Once for each rank. Both outlive it.
  std::unique_ptr<bootstrap::World> Join(Rank rank, Wakeups& wakeups);

  // What all ranks have given, in all exchanges together: of gathered bytes each rank receives all.
  uint64_t bytes_given() const;

 private:
  class One;
  using Given = std::vector<std::string>;
  // One collective. Changed no more once all have come.
  struct Meeting {
    Given given;
    uint32_t come = 0;
    std::vector<std::shared_ptr<Wakeup>> waiting;
  };
  // From one rank to another: what was sent and not taken yet.
  struct Post {
    std::deque<Bytes> sent;
    std::shared_ptr<Wakeup> sender, receiver;
  };

  // What each rank gave, once all have; null where the time is over.
  std::shared_ptr<const Given> Meet(Rank rank, std::string mine, const std::shared_ptr<Wakeup>& wakeup,
                                    TimePoint deadline) EXCLUDES(mutex_);

  const uint32_t ranks_;
  mutable Mutex mutex_;
  std::vector<uint64_t> met_ GUARDED_BY(mutex_);  // how often, by rank
  std::map<uint64_t, std::shared_ptr<Meeting>> meetings_ GUARDED_BY(mutex_);
  std::map<std::pair<Rank, Rank>, Post> posts_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::fakes
