#include "app/cache_usage.h"

#include <gtest/gtest.h>

namespace copper::app {
namespace {

TEST(CacheUsage, TellsHowFullTheTablesAre) {
  cache::Cache cache(1 << 20);
  cache.metadata().Put({"/x"}, {}, 100);
  const Json usage = CacheUsage(cache);
  EXPECT_EQ(usage["metadata"]["entries"], 1);
  EXPECT_GE(usage["metadata"]["bytes"], 100);
  EXPECT_EQ(usage["tree"]["entries"], 0);
  EXPECT_EQ(usage["data"]["bytes"], 0);
  EXPECT_EQ(usage["budget"]["limit_bytes"], 1 << 20);
  EXPECT_EQ(usage["budget"]["held_bytes"], usage["metadata"]["bytes"]);
  EXPECT_EQ(usage["budget"]["evictions"], 0);
}

}  // namespace
}  // namespace copper::app
