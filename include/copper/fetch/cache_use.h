// How full a node's tables are, as its profile and its status tell.
#pragma once

#include "copper/cache/cache.h"
#include "copper/profile/profile.h"

namespace copper::fetch {

// Any thread.
profile::CacheUse CacheUseOf(cache::Cache& cache);

}  // namespace copper::fetch
