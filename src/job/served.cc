#include "copper/job/served.h"

#include "copper/base/log.h"
#include "copper/base/size_text.h"

namespace copper::job {
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
      served.errors, SizeText(served.from_cache), SizeText(served.from_parent), SizeText(served.from_source));
}

}  // namespace copper::job
