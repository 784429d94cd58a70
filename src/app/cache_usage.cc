#include "app/cache_usage.h"

namespace copper::app {
namespace {

Json TableUsage(const cache::Usage& usage) {
  return {{"entries", usage.entries}, {"bytes", usage.bytes}};
}

}  // namespace

Json CacheUsage(cache::Cache& cache) {
  return {{"metadata", TableUsage(cache.metadata().usage())},
          {"tree", TableUsage(cache.listings().usage())},
          {"data", TableUsage(cache.data().usage())},
          {"budget",
           {{"limit_bytes", cache.budget().limit()},
            {"held_bytes", cache.budget().held()},
            {"evictions", cache.budget().evictions()}}}};
}

}  // namespace copper::app
