// Everything that happens in a simulation, in the order of its time; events of one time in the order in which they were
// made. One thread. A hash over all events tells whether two runs were the same.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/ids.h"

namespace copper::simulation {

using Work = std::move_only_function<void()>;

// What an event is, for the hash and for whoever looks at a run.
enum class What : uint8_t {
  kTask,     // of a pool or a rank's loop
  kSource,   // an operation on the source is over
  kOnWire,   // a message reaches a rank's link
  kArrival,  // a rank has received a message
  kSent,     // the memory of a message is free again
  kTick,     // of a fabric thread
  kProcess,  // of the workload goes on
  kAnswer,   // of the daemon reaches the kernel
  kFault,    // something is broken, or mended
  kEnding,   // of the job
};

// The process of one rank: what it does is put off while it is frozen, and nothing happens in it once it is dead.
class Host {
 public:
  explicit Host(Rank rank) : rank_(rank) {}

  Rank rank() const { return rank_; }
  bool is_dead() const { return is_dead_; }
  bool is_frozen() const { return is_frozen_; }
  bool runs() const { return !is_dead_ && !is_frozen_; }
  // How many times as long as the others it takes for whatever it does.
  double slowness() const { return slowness_; }
  void SetSlowness(double slowness) { slowness_ = slowness; }

 private:
  friend class EventQueue;
  const Rank rank_;
  bool is_dead_ = false;
  bool is_frozen_ = false;
  double slowness_ = 1;
  std::vector<Work> put_off_;
};

class EventQueue final : public Clock {
 public:
  // Not 0, so that a default TimePoint lies in the past.
  static constexpr TimePoint kStart = TimePoint(std::chrono::hours(1));

  TimePoint Now() const override { return now_; }
  Duration SinceStart() const { return now_ - kStart; }

  // In a rank's process; `when` may be past: then it is now.
  void At(TimePoint when, What what, Host& host, Work work) { Add(when, what, host.rank(), &host, std::move(work)); }
  void After(Duration time, What what, Host& host, Work work) { At(now_ + time, what, host, std::move(work)); }
  // Outside of all ranks: network, source, whoever breaks things. `about` is for the hash alone.
  void AtOutside(TimePoint when, What what, uint32_t about, Work work) {
    Add(when, what, about, nullptr, std::move(work));
  }

  // False when there are no events left.
  bool RunOne();
  bool empty() const { return heap_.empty(); }
  TimePoint next() const { return heap_.empty() ? kNever : heap_.front().when; }

  // Mixes something into the hash that an event alone does not tell, such as the size of a message.
  void Note(uint64_t what) {
    digest_ = (digest_ ^ what) * 0x9e3779b97f4a7c15;
    digest_ ^= digest_ >> 29;
  }
  uint64_t digest() const { return digest_; }
  uint64_t count() const { return count_; }

  void Kill(Host& host);
  void Freeze(Host& host);
  void Thaw(Host& host);

 private:
  struct Event {
    What what{};
    uint32_t about = 0;
    Host* host = nullptr;
    Work work{};
  };
  struct Due {
    TimePoint when;
    uint64_t number;  // of all events: those of one time keep their order
    uint32_t slot;    // in events_
    bool operator>(const Due& other) const { return when != other.when ? when > other.when : number > other.number; }
  };

  void Add(TimePoint when, What what, uint32_t about, Host* host, Work work);

  TimePoint now_ = kStart;
  uint64_t made_ = 0;
  uint64_t count_ = 0;
  uint64_t digest_ = 0;
  std::vector<Due> heap_;  // the first to come on top
  std::vector<Event> events_;
  std::vector<uint32_t> free_;  // slots
};

}  // namespace copper::simulation
