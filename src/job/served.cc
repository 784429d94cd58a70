#include "copper/job/served.h"

#include <iterator>

#include "copper/base/log.h"

namespace copper::job {
namespace {

std::string Size(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return fmt::format("{:.{}f} {}", amount, unit == 0 ? 0 : 1, kUnits[unit]);
}

}  // namespace

Served& Served::operator+=(const Served& other) {
  requests += other.requests;
  hits += other.hits;
  negative += other.negative;
  misses += other.misses;
  coalesced += other.coalesced;
  errors += other.errors;
  from_cache += other.from_cache;
  from_parent += other.from_parent;
  from_source += other.from_source;
  return *this;
}

double Served::HitRate() const {
  const uint64_t all = hits + negative + misses + coalesced;
  return all == 0 ? 0 : static_cast<double>(hits + negative) / static_cast<double>(all);
}

Served ServedBy(const profile::Counters& counters) {
  using profile::Event;
  return {.requests = counters.requests(),
          .hits = counters.Get(Event::kHits),
          .negative = counters.Get(Event::kNegative),
          .misses = counters.Get(Event::kMisses),
          .coalesced = counters.Get(Event::kCoalesced),
          .errors = counters.Get(Event::kErrors),
          .from_cache = counters.Get(Event::kBytesFromCache),
          .from_parent = counters.Get(Event::kBytesFromParent),
          .from_source = counters.Get(Event::kBytesFromSource)};
}

std::string Describe(const Served& served) {
  return fmt::format(
      "{} requests, hit rate {:.1f}% ({} hits, {} absent, {} misses, {} coalesced, {} errors); "
      "{} from the cache, {} from parents, {} from the source",
      served.requests, 100 * served.HitRate(), served.hits, served.negative, served.misses, served.coalesced,
      served.errors, Size(served.from_cache), Size(served.from_parent), Size(served.from_source));
}

}  // namespace copper::job
