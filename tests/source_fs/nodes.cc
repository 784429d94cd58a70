#include "nodes.h"

namespace copper::source_fs {

Node Nodes::Find(uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return nodes_.at(number).node;
}

std::string Nodes::PathOf(uint64_t directory, const char* name) const {
  const std::lock_guard lock(mutex_);
  const std::string& path = nodes_.at(directory).node.path;
  return (path.size() > 1 ? path : "") + "/" + name;
}

uint64_t Nodes::Remember(const Node& node) {
  const std::lock_guard lock(mutex_);
  const auto [it, added] = numbers_.try_emplace({node.path, node.inode}, next_);
  if (added) nodes_[next_++] = {node, 0};
  ++nodes_[it->second].lookups;
  return it->second;
}

void Nodes::Forget(uint64_t number, uint64_t times) {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(number);
  if (number == kRoot || it == nodes_.end() || (it->second.lookups -= times) != 0) return;
  numbers_.erase({it->second.node.path, it->second.node.inode});
  nodes_.erase(it);
}

}  // namespace copper::source_fs
