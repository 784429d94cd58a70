#include "copper/tree/forest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace copper::tree {
namespace {

std::string Name(const Forest& forest) {
  return std::to_string(forest.ranks()) + " ranks, fanout " + std::to_string(forest.fanout()) + ", " +
         std::to_string(forest.trees()) + " trees";
}

template <class Check>
void ForEverySmallForest(Check check) {
  for (uint32_t ranks = 1; ranks <= 64; ++ranks) {
    for (uint32_t fanout = 1; fanout <= 5; ++fanout) {
      for (uint32_t trees = 1; trees <= ranks; ++trees) check(Forest(ranks, fanout, trees));
    }
  }
}

template <class Check>
void ForLargeForests(Check check) {
  for (const uint32_t ranks : {100U, 257U, 1023U, 1024U, 8300U, 65'536U, 100'000U}) {
    for (const uint32_t fanout : {2U, 3U, 5U, 8U}) {
      for (const uint32_t trees : {1U, 9U, 32U, 64U}) check(Forest(ranks, fanout, trees));
    }
  }
}

TEST(Forest, EveryRankHasOnePathToTheRootOfEveryTree) {
  ForEverySmallForest([](const Forest& forest) {
    for (TreeId tree = 0; tree < forest.trees(); ++tree) {
      std::vector<int> parents(forest.ranks(), 0);
      for (Rank rank = 0; rank < forest.ranks(); ++rank) {
        const auto children = forest.Children(rank, tree);
        ASSERT_LE(children.size(), forest.fanout()) << Name(forest);
        for (const Rank child : children) {
          ASSERT_LT(child, forest.ranks()) << Name(forest);
          ASSERT_EQ(forest.Parent(child, tree), rank) << Name(forest);
          ASSERT_EQ(forest.Depth(child, tree), forest.Depth(rank, tree) + 1) << Name(forest);
          ++parents[child];
        }
      }
      // One parent each, the root none; since each step up is one level less deep, every path ends at the root.
      const Rank root = forest.Root(tree);
      ASSERT_EQ(parents[root], 0) << Name(forest);
      ASSERT_FALSE(forest.Parent(root, tree)) << Name(forest);
      ASSERT_EQ(forest.Depth(root, tree), 0U) << Name(forest);
      ASSERT_EQ(std::ranges::count(parents, 1), forest.ranks() - 1) << Name(forest);
    }
  });
}

TEST(Forest, RootsAreDistinctAndEvenlySpaced) {
  ForEverySmallForest([](const Forest& forest) {
    for (TreeId tree = 1; tree < forest.trees(); ++tree) {
      const uint32_t gap = forest.Root(tree) - forest.Root(tree - 1);
      ASSERT_GE(gap, forest.ranks() / forest.trees()) << Name(forest);
      ASSERT_LE(gap, forest.ranks() / forest.trees() + 1) << Name(forest);
    }
  });
}

void ExpectLogarithmicDepth(const Forest& forest) {
  if (forest.fanout() == 1) return;
  const double levels = std::ceil(std::log(forest.ranks()) / std::log(forest.fanout()));
  ASSERT_LE(forest.MaxDepth(), levels + 1) << Name(forest);
  for (TreeId tree = 0; tree < forest.trees(); ++tree) {
    for (Rank rank = 0; rank < forest.ranks(); rank += 1 + forest.ranks() / 64) {
      ASSERT_LE(forest.Depth(rank, tree), forest.MaxDepth()) << Name(forest);
    }
  }
}

TEST(Forest, DepthIsLogarithmic) {
  ForEverySmallForest(ExpectLogarithmicDepth);
  ForLargeForests(ExpectLogarithmicDepth);
}

// With more trees than children; over all trees.
void ExpectEvenLoad(const Forest& forest) {
  if (forest.trees() <= forest.fanout() || forest.ranks() == 1) return;
  const double mean = double{1} * forest.trees() * (forest.ranks() - 1) / forest.ranks();
  for (Rank rank = 0; rank < forest.ranks(); ++rank) {
    size_t children = 0;
    for (TreeId tree = 0; tree < forest.trees(); ++tree) children += forest.Children(rank, tree).size();
    ASSERT_LE(static_cast<double>(children), 2 * mean) << Name(forest) << ", rank " << rank;
  }
}

TEST(Forest, NoRankHasMoreThanTwiceTheMeanNumberOfChildren) {
  ForEverySmallForest(ExpectEvenLoad);
  for (const uint32_t ranks : {257U, 1024U, 8300U, 100'000U}) {
    ExpectEvenLoad(Forest(ranks, 2, 32));
    ExpectEvenLoad(Forest(ranks, 5, 6));
  }
}

void ExpectFewPeers(const Forest& forest) {
  for (Rank rank = 0; rank < forest.ranks(); rank += 1 + forest.ranks() / 500) {
    std::vector<Rank> peers;
    for (TreeId tree = 0; tree < forest.trees(); ++tree) {
      for (const Rank child : forest.Children(rank, tree)) peers.push_back(child);
      if (const auto parent = forest.Parent(rank, tree)) peers.push_back(*parent);
    }
    std::ranges::sort(peers);
    const auto distinct = std::ranges::unique(peers).begin() - peers.begin();
    ASSERT_LE(static_cast<size_t>(distinct), size_t{forest.trees()} * (forest.fanout() + 1)) << Name(forest);
  }
}

TEST(Forest, ARankTalksToFewPeers) {
  ForEverySmallForest(ExpectFewPeers);
  ForLargeForests(ExpectFewPeers);
}

TEST(Forest, LargeTreesHangTogether) {
  ForLargeForests([](const Forest& forest) {
    for (TreeId tree = 0; tree < forest.trees(); tree += 7) {
      for (Rank rank = 0; rank < forest.ranks(); rank += 1 + forest.ranks() / 300) {
        const auto parent = forest.Parent(rank, tree);
        ASSERT_EQ(parent.has_value(), rank != forest.Root(tree)) << Name(forest);
        if (!parent) continue;
        const auto siblings = forest.Children(*parent, tree);
        ASSERT_EQ(std::ranges::count(siblings, rank), 1) << Name(forest);
        ASSERT_EQ(forest.Depth(*parent, tree) + 1, forest.Depth(rank, tree)) << Name(forest);
      }
    }
  });
}

TEST(Forest, WhoIsAskedFirstIsTheParentThenItsParentThenWhoTakesTheRootsPlace) {
  const Forest forest(15, 2, 3);
  const TreeId tree = 1;  // its root is rank 5
  const Rank leaf = (14 + 5) % 15;
  const Forest::Step expected[] = {
      {(6 + 5) % 15, false}, {(2 + 5) % 15, false}, {5, false}, {6, true}, {7, true}, {8, true}};
  for (uint32_t number = 0; number < 6; ++number) EXPECT_EQ(forest.StepUp(leaf, tree, number), expected[number]);
  EXPECT_EQ(forest.StepUp(leaf, tree, 6), std::nullopt);
  EXPECT_EQ(forest.StepUp(5, tree, 0), std::nullopt) << "the root asks nobody";
}

// Else some would wait for each other in a circle.
TEST(Forest, WhoIsAskedStandsNearerToTheRoot) {
  for (const auto& [ranks, fanout, trees] : {std::tuple{1U, 2U, 1U}, {16U, 1U, 1U}, {7U, 2U, 7U}, {40U, 3U, 5U}}) {
    const Forest forest(ranks, fanout, trees);
    for (TreeId tree = 0; tree < trees; ++tree) {
      const auto position = [&](Rank rank) { return (rank + ranks - forest.Root(tree)) % ranks; };
      for (Rank rank = 0; rank < ranks; ++rank) {
        const uint32_t depth = forest.Depth(rank, tree);
        uint32_t number = 0;
        while (const auto step = forest.StepUp(rank, tree, number)) {
          EXPECT_LT(position(step->rank), position(rank));
          EXPECT_EQ(step->as_root, number >= depth);
          if (number == 0) {
            EXPECT_EQ(step->rank, forest.Parent(rank, tree));
          }
          ++number;
        }
        EXPECT_LE(number, depth + Forest::kSubstitutes);
        EXPECT_GE(number, depth);
      }
    }
  }
}

constexpr uint64_t kLarge = uint64_t{1} << 30;

TEST(Forest, KeysSpreadEvenly) {
  const Forest forest(100, 2, 32);
  std::vector<int> directories(32, 0);
  std::vector<int> files(32, 0);
  constexpr int kKeys = 32'000;
  for (int i = 0; i < kKeys; ++i) {
    const std::string path = "/usr/lib/python3/dist-packages/package" + std::to_string(i);
    ++directories[forest.OfDirectory(path)];
    ++files[forest.OfChunk(path, kLarge, 0)];
  }
  for (TreeId tree = 0; tree < 32; ++tree) {
    EXPECT_NEAR(directories[tree], kKeys / 32, 160) << tree;  // five standard deviations
    EXPECT_NEAR(files[tree], kKeys / 32, 160) << tree;
  }
}

TEST(Forest, ASmallFileBelongsToTheTreeOfItsDirectory) {
  const Forest forest(100, 2, 32);
  for (int i = 0; i < 100; ++i) {
    const std::string directory = "/package" + std::to_string(i);
    EXPECT_EQ(forest.OfChunk(directory + "/__init__.py", kSmallFile, 0), forest.OfDirectory(directory));
  }
  EXPECT_EQ(forest.OfChunk("/file", 1, 0), forest.OfDirectory("/"));
}

TEST(Forest, TheStripesOfAFileTakeTheTreesInTurn) {
  const Forest forest(100, 2, 7);
  for (uint64_t chunk = 0; chunk < 7 * kStripeChunks; ++chunk) {
    const TreeId next = (forest.OfChunk("/large", kLarge, chunk) + 1) % 7;
    EXPECT_EQ(forest.OfChunk("/large", kLarge, chunk + kStripeChunks), next);
    EXPECT_EQ(forest.OfChunk("/large", kLarge, chunk / kStripeChunks * kStripeChunks),
              forest.OfChunk("/large", kLarge, chunk));
  }
}

}  // namespace
}  // namespace copper::tree
