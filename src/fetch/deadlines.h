// How the time of a request is shared out among the levels of its tree.
//
// A request of the kernel has Fetcher::Options::deadline, and kTimePerLevel more for each level of the trees. Each
// level keeps its own: a node gives its parent up that much before its own time is over, and so can still read the
// source itself; the last kWayBack of it are for the answer's way down, so that the child hears why, and does not give
// up too.
#pragma once

#include <algorithm>
#include <chrono>

#include "copper/base/clock.h"

namespace copper::fetch {

inline constexpr Duration kTimePerLevel = std::chrono::seconds(1);
inline constexpr Duration kWayBack = std::chrono::milliseconds(100);

// `margin` before the deadline; where less than twice that is left, in the middle of it.
inline TimePoint Before(TimePoint deadline, Duration margin, TimePoint now) {
  return deadline - std::clamp((deadline - now) / 2, Duration::zero(), margin);
}

// When a node that must know by `own` gives its parent up.
inline TimePoint DeadlineOfParent(TimePoint own, TimePoint now) {
  return Before(own, kTimePerLevel - kWayBack, now);
}

// When a node must know what its child wants to have by `asked`.
inline TimePoint DeadlineForChild(TimePoint asked, TimePoint now) {
  return Before(asked, kWayBack, now);
}

}  // namespace copper::fetch
