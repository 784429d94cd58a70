#include "copper/storage/source_share.h"

#include <gtest/gtest.h>

namespace copper::storage {
namespace {

TEST(SourceShare, IsSharedOutInHalves) {
  EXPECT_EQ(ShareOut(64, 2, 4), (SourceShare{16, 8}));
  EXPECT_EQ(ShareOut(1024, 32, 2048), (SourceShare{16, 1}));
}

TEST(SourceShare, EverybodyHasOne) {
  EXPECT_EQ(ShareOut(1, 1, 1), (SourceShare{1, 1}));
  EXPECT_EQ(ShareOut(2, 32, 100000), (SourceShare{1, 1}));
}

TEST(SourceShare, TheSumKeepsTheBoundWhereItIsEnoughForAll) {
  for (const uint32_t ranks : {1U, 3U, 8U, 31U}) {
    for (uint32_t trees = 1; trees <= ranks; ++trees) {
      for (uint32_t ops = 2 * ranks; ops < 4 * ranks + 7; ++ops) {
        const SourceShare share = ShareOut(ops, trees, ranks);
        EXPECT_LE(trees * share.root + ranks * share.detour, ops) << ranks << " ranks, " << trees << " trees";
      }
    }
  }
}

TEST(SourceShare, NoRankMakesThreadsWithoutEnd) {
  EXPECT_EQ(ShareOut(UINT32_MAX, 1, 1), (SourceShare{kMostThreads, kMostThreads}));
}

}  // namespace
}  // namespace copper::storage
