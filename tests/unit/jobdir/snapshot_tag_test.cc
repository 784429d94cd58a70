#include "copper/jobdir/snapshot_tag.h"

#include <gtest/gtest.h>

namespace copper {
namespace {

TEST(SnapshotTag, IsTheNameOfADirectoryThatNobodyElseUses) {
  for (const char* const good : {"a", "before-epoch_2.1", "7"}) EXPECT_TRUE(CheckSnapshotTag(good)) << good;
  EXPECT_TRUE(CheckSnapshotTag(std::string(64, 'x')));
  for (const char* const bad : {"", ".", "..", "-x", "_x", "a/b", "a b", "\xc3\xa4", "final", "cluster"}) {
    const Status checked = CheckSnapshotTag(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, EINVAL);
  }
  EXPECT_FALSE(CheckSnapshotTag(std::string(65, 'x')));
}

TEST(SnapshotTag, OfNowMayBeUsed) {
  EXPECT_TRUE(CheckSnapshotTag(SnapshotTagOfNow()));
}

}  // namespace
}  // namespace copper
