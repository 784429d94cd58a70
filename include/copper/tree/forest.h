// The broadcast trees: pure functions of (ranks, fanout, trees), the same on every rank, without communication.
//
// Tree t is the k-ary heap (position p has the children k*p+1 .. k*p+k) laid over the ranks from its root on:
// rank = (p + root(t)) mod ranks, root(t) = floor(t * ranks / trees). The inner positions are the first (ranks-1)/k;
// the roots are evenly spaced, so every rank is inner node of about trees/k trees, and its children over all trees stay
// within twice the mean as soon as there are more trees than children. Depth is ceil(log_k(ranks)) or less.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "copper/base/ids.h"

namespace copper::tree {

// Large files are spread over the trees by stripes of this many chunks, so that several ranks read one file.
inline constexpr uint64_t kStripeChunks = 8;
inline constexpr uint64_t kSmallFile = uint64_t{256} << 10;  // bytes: a file up to this size goes with its directory

class Forest {
 public:
  // ranks >= 1, fanout >= 1, 1 <= trees <= ranks.
  Forest(uint32_t ranks, uint32_t fanout, uint32_t trees);

  uint32_t ranks() const { return ranks_; }
  uint32_t fanout() const { return fanout_; }
  uint32_t trees() const { return trees_; }

  Rank Root(TreeId tree) const;
  std::optional<Rank> Parent(Rank rank, TreeId tree) const;  // nullopt at the root
  std::vector<Rank> Children(Rank rank, TreeId tree) const;
  uint32_t Depth(Rank rank, TreeId tree) const;  // 0 at the root
  uint32_t MaxDepth() const;

  // Whom a rank may ask for what is in this tree, by turns: its ancestors, nearest first; past the root those who take
  // the root's place, in the tree's order, kSubstitutes of them at most; then nobody, and it reads the source itself.
  // Each of them stands nearer to the root in the tree's order than who asks, so nobody ever waits in a circle; the
  // orphans of a lost rank all meet at the same one.
  struct Step {
    Rank rank;
    bool as_root;  // it is asked to read the source in the root's place
    bool operator==(const Step&) const = default;
  };
  static constexpr uint32_t kSubstitutes = 3;
  std::optional<Step> StepUp(Rank rank, TreeId tree, uint32_t number) const;

  // Everything about the names of one directory (its listing, what a name in it is) belongs to one tree.
  TreeId OfDirectory(std::string_view directory) const;
  // The bytes of a file of this size. A small file's belong to the tree of its directory: the node that looked at its
  // name reads it, so that no second one asks the source for the name. Larger ones go by path and stripe.
  TreeId OfChunk(std::string_view path, uint64_t size, uint64_t chunk) const;

 private:
  uint32_t Position(Rank rank, TreeId tree) const;
  Rank At(uint32_t position, TreeId tree) const;

  uint32_t ranks_, fanout_, trees_;
};

}  // namespace copper::tree
