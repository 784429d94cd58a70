#include "copper/fetch/cache_use.h"

namespace copper::fetch {
namespace {

profile::TableUse UseOf(const cache::Usage& usage) {
  return {.entries = usage.entries, .bytes = usage.bytes, .evictions = usage.evictions};
}

}  // namespace

profile::CacheUse CacheUseOf(cache::Cache& cache) {
  using profile::Table;
  profile::CacheUse use{.budget_bytes = cache.budget().limit(),
                        .held_bytes = cache.budget().held(),
                        .evictions = cache.budget().evictions()};
  use.tables[static_cast<size_t>(Table::kMetadata)] = UseOf(cache.metadata().usage());
  use.tables[static_cast<size_t>(Table::kTree)] = UseOf(cache.listings().usage());
  use.tables[static_cast<size_t>(Table::kData)] = UseOf(cache.data().usage());
  return use;
}

}  // namespace copper::fetch
