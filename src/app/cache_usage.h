#pragma once

#include "copper/cache/cache.h"
#include "copper/jobdir/json.h"

namespace copper::app {

// How full a rank's tables are, as its status shows it. Any thread.
Json CacheUsage(cache::Cache& cache);

}  // namespace copper::app
