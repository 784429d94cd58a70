// What a rank, or a whole job, has served: the last lines of a log.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "copper/profile/counters.h"

namespace copper::job {

struct Served {
  // In the order in which they travel (src/wire/README.md, kLeft).
  uint64_t requests = 0;  // of the kernel
  uint64_t hits = 0, negative = 0, misses = 0, coalesced = 0, errors = 0;
  uint64_t from_cache = 0, from_parent = 0, from_source = 0;  // bytes

  bool operator==(const Served&) const = default;
  Served& operator+=(const Served& other);
  // Of what was asked for, the part that was there already: what is known to be absent, too.
  double HitRate() const;
};
static_assert(sizeof(Served) == 9 * sizeof(uint64_t));

Served ServedBy(const profile::Counters& counters);

// "120 requests, hit rate 83.3% (100 hits, 0 absent, ...); 1.0 MiB from the cache, 512 B from parents, 3 B from the
// source"
std::string Describe(const Served& served);

}  // namespace copper::job
