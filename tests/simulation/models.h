// How fabrics, sources and kernels behave: the numbers, with where they come from in README.md. A preset is found by
// its name.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "copper/base/clock.h"

namespace copper::simulation {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// A message takes the sender's fabric thread `per_message` and `per_mib` of its payload, one after the other; then the
// sender's link, which all its messages share; then the latency; then the receiver's link, and its fabric thread, which
// authenticates it as well.
struct FabricModel {
  std::string_view name;
  Duration latency;               // one way, without a payload
  Duration jitter;                // added to that: exponential, with this mean. Messages may overtake each other
  Duration per_message;           // of the fabric thread, on both sides
  Duration per_mib;               // likewise, to move it
  Duration authenticate_per_mib;  // of the receiver's
  double link_bytes_per_second;   // of a node, each way
};

inline constexpr FabricModel kSlingshotFabric{.name = "slingshot",
                                              .latency = microseconds(2),
                                              .jitter = nanoseconds(500),
                                              .per_message = microseconds(5),
                                              .per_mib = microseconds(190),
                                              .authenticate_per_mib = microseconds(38),
                                              .link_bytes_per_second = 25e9};
inline constexpr FabricModel kTcpFabric{.name = "tcp",
                                        .latency = microseconds(15),
                                        .jitter = microseconds(0),
                                        .per_message = microseconds(12),
                                        .per_mib = microseconds(190),
                                        .authenticate_per_mib = microseconds(38),
                                        .link_bytes_per_second = 5.5e9};

// `at_once` operations are worked on, the others wait in turn. Each takes `latency` times a factor around 1 that is
// drawn for it (log-normal, `spread` its sigma), now and then `tail` more, and more when more clients ask than it bears
// well. Bytes come through one pipe for all.
struct SourceModel {
  std::string_view name;
  uint32_t at_once;
  Duration latency;
  double spread;
  double tail_probability;
  Duration tail;
  double bytes_per_second;
  uint32_t bears_clients;       // that have operations there now
  double slower_per_client;     // beyond these: latency times 1 + this for each
  bool attributes_in_listings;  // cheap enough for them (src/storage/look_cost.h decides it where it is real)
};

inline constexpr SourceModel kLustreSource{.name = "lustre",
                                           .at_once = 64,
                                           .latency = milliseconds(1),
                                           .spread = 0.5,
                                           .tail_probability = 0.001,
                                           .tail = milliseconds(50),
                                           .bytes_per_second = 100e9,
                                           .bears_clients = 256,
                                           .slower_per_client = 0.002,
                                           .attributes_in_listings = false};
// That of the benchmarks (tests/bench/slow_source_rows.py): 2 ms, a round trip to its server, and the slack of a timer.
inline constexpr SourceModel kSlowSource{.name = "slow",
                                         .at_once = 32,
                                         .latency = microseconds(2150),
                                         .spread = 0,
                                         .tail_probability = 0,
                                         .tail = milliseconds(0),
                                         .bytes_per_second = 1e9,
                                         .bears_clients = UINT32_MAX,
                                         .slower_per_client = 0,
                                         .attributes_in_listings = false};
// Files in the page cache of the one machine on which the benchmarks run: a MiB is copied into memory that is touched
// for the first time.
inline constexpr SourceModel kMemorySource{.name = "memory",
                                           .at_once = 32,
                                           .latency = microseconds(10),
                                           .spread = 0,
                                           .tail_probability = 0,
                                           .tail = milliseconds(0),
                                           .bytes_per_second = 3.6e9,
                                           .bears_clients = UINT32_MAX,
                                           .slower_per_client = 0,
                                           .attributes_in_listings = true};

std::optional<FabricModel> FabricNamed(std::string_view name);
std::optional<SourceModel> SourceNamed(std::string_view name);

// The kernel of a node, and what stands between it and the daemon's tables.
struct KernelModel {
  Duration request = microseconds(90);        // from the process to the daemon and back, across cores
  Duration per_mib = microseconds(440);       // to move it from the daemon to the process, or its page cache
  uint32_t read_bytes = uint32_t{128} << 10;  // of one request: the read-ahead of an unprivileged mount
  double think = 1;                           // times the pauses of the workload: more where processes share cores
  uint32_t reads_at_once = 2;                 // of one file, by one process: the one it waits for, and read-ahead
};

}  // namespace copper::simulation
