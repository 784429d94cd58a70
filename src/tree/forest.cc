#include "copper/tree/forest.h"

#include <algorithm>

#include "copper/base/hash.h"
#include "copper/base/path.h"

namespace copper::tree {

Forest::Forest(uint32_t ranks, uint32_t fanout, uint32_t trees) : ranks_(ranks), fanout_(fanout), trees_(trees) {}

Rank Forest::Root(TreeId tree) const {
  return static_cast<Rank>(uint64_t{tree} * ranks_ / trees_);
}

uint32_t Forest::Position(Rank rank, TreeId tree) const {
  return (rank + ranks_ - Root(tree)) % ranks_;
}

Rank Forest::At(uint32_t position, TreeId tree) const {
  return static_cast<Rank>((uint64_t{position} + Root(tree)) % ranks_);
}

std::optional<Rank> Forest::Parent(Rank rank, TreeId tree) const {
  const uint32_t position = Position(rank, tree);
  if (position == 0) return std::nullopt;
  return At((position - 1) / fanout_, tree);
}

std::vector<Rank> Forest::Children(Rank rank, TreeId tree) const {
  std::vector<Rank> children;
  const uint64_t first = uint64_t{Position(rank, tree)} * fanout_ + 1;
  const uint64_t end = std::min<uint64_t>(first + fanout_, ranks_);
  for (uint64_t position = first; position < end; ++position)
    children.push_back(At(static_cast<uint32_t>(position), tree));
  return children;
}

uint32_t Forest::Depth(Rank rank, TreeId tree) const {
  uint32_t depth = 0;
  for (uint32_t position = Position(rank, tree); position != 0; position = (position - 1) / fanout_) ++depth;
  return depth;
}

uint32_t Forest::MaxDepth() const {
  return Depth(At(ranks_ - 1, 0), 0);
}

std::optional<Forest::Step> Forest::StepUp(Rank rank, TreeId tree, uint32_t number) const {
  const uint32_t own = Position(rank, tree);
  const uint32_t depth = Depth(rank, tree);
  if (number < depth) {
    uint32_t position = own;
    for (uint32_t up = 0; up <= number; ++up) position = (position - 1) / fanout_;
    return Step{At(position, tree), false};
  }
  const uint32_t substitute = number - depth + 1;  // its position
  if (substitute >= own || substitute > kSubstitutes) return std::nullopt;
  return Step{At(substitute, tree), true};
}

TreeId Forest::OfDirectory(std::string_view directory) const {
  return static_cast<TreeId>(Hash(directory) % trees_);
}

TreeId Forest::OfChunk(std::string_view path, uint64_t size, uint64_t chunk) const {
  if (size <= kSmallFile) return OfDirectory(ParentPath(path));
  // Stripes of one file take the trees in turn: hashing each would leave some ranks idle and others with three.
  return static_cast<TreeId>((Hash(path, 1) + chunk / kStripeChunks) % trees_);
}

}  // namespace copper::tree
