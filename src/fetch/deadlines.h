// Every rule about time in fetch.
//
// Waiting is for the living, not for a time: while the way to the source is alive its answer is waited for, up to
// Fetcher::Options::source_timeout. Whether it is alive is asked, hop by hop (copper/rpc/watch.h). Nothing is divided
// over the levels of a tree, and nobody's patience but his own ends with a waiter's deadline: a flight, and each
// request that it sends, has all of the source's time from when it is sent, and is sent again if anybody still waits
// then.
#pragma once

#include <chrono>
#include <cstdint>

#include "copper/base/clock.h"
#include "copper/rpc/liveness.h"

namespace copper::fetch {

// When another rank is asked whether it lives (copper/rpc/liveness.h). `old` and `probe` are the two seconds that a
// lost parent costs.
inline constexpr rpc::Patience kPatience = {.old = std::chrono::seconds(1),
                                            .probe = std::chrono::seconds(1),
                                            .longest_pause = std::chrono::seconds(10),
                                            .first_pause_of_lost = std::chrono::milliseconds(500),
                                            .probes_unasked = 6,
                                            .worth_telling = std::chrono::seconds(10)};
// How often a request is sent again to a parent that does not know it, before it goes elsewhere.
inline constexpr uint16_t kRepeats = 1;

// A lookup waits so long for the listing of its directory, and then asks by name, while the listing goes on: one entry
// that hangs while its directory is listed must not hold up the others. So do the lookups of kWithoutListing after it.
inline constexpr Duration kListingPatience = std::chrono::seconds(1);
inline constexpr Duration kWithoutListing = std::chrono::seconds(10);

// A rank that compares what it has read of a file of this size (settling.h) reads all of that again.
inline constexpr Duration CompareWithin(uint64_t file_size) {
  return std::chrono::seconds(60 + file_size / (uint64_t{16} << 20));
}
// Who asks whether a ctime is settled waits for the comparison under way, and for its own.
inline constexpr Duration SettleWithin(uint64_t file_size) {
  return 2 * CompareWithin(file_size) + std::chrono::seconds(10);
}
// Until a rank that does not even answer a ping is passed by in that; and for how long it is passed by at once.
inline constexpr Duration kAliveWithin = std::chrono::seconds(5);
inline constexpr Duration kSilentFor = std::chrono::seconds(30);

// A request's time travels in whole milliseconds: it may end so much before its deadline.
inline constexpr Duration kRounding = std::chrono::milliseconds(1);

// When this node gives up what a child wants to have by `asked`: a little later, so that the child's own clock decides,
// and an ETIMEDOUT that reaches it is the source's.
inline TimePoint DeadlineForChild(TimePoint asked) {
  return asked + std::chrono::seconds(1);
}

}  // namespace copper::fetch
