// The cores of the one machine that all nodes share, where the benchmark runs; elsewhere a node has enough of its own.
#pragma once

#include <algorithm>
#include <vector>

#include "copper/base/clock.h"

namespace copper::simulation {

class Cores {
 public:
  // 0: there is always one free.
  explicit Cores(uint32_t count) : free_(count) {}

  // Does work that takes so long and may begin at `from`, after what was to be done before it; returns when it is done.
  TimePoint Do(TimePoint from, Duration length) {
    if (free_.empty()) return from + length;
    TimePoint& core = *Best(from);
    core = std::max(core, from) + length;
    return core;
  }

 private:
  // Of those that are free by then the one that was busy last, so that others can take what comes before it; else the
  // first to be free.
  std::vector<TimePoint>::iterator Best(TimePoint from) {
    const auto is_better = [from](TimePoint one, TimePoint other) {
      const bool one_is_free = one <= from, other_is_free = other <= from;
      if (one_is_free != other_is_free) return one_is_free;
      return one_is_free ? one > other : one < other;
    };
    return std::ranges::min_element(free_, is_better);
  }

  std::vector<TimePoint> free_;  // from when on
};

}  // namespace copper::simulation
