#include "copper/mount/mount_name.h"

#include <gtest/gtest.h>

namespace copper::mount {
namespace {

TEST(ExpandMount, ReplacesRankAndHost) {
  EXPECT_EQ(ExpandMount("/tmp/%h/copper-%r", 12, "node7"), "/tmp/node7/copper-12");
  EXPECT_EQ(ExpandMount("/tmp/100%%", 0, "n"), "/tmp/100%");
  EXPECT_EQ(ExpandMount("/tmp/%%r%r", 3, "n"), "/tmp/%r3");
}

}  // namespace
}  // namespace copper::mount
