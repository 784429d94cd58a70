#include "inode_table.h"

#include "copper/base/hash.h"

namespace copper::fuse {

size_t InodeTable::KeyHash::operator()(const Key& key) const {
  return Hash(key.path, key.version.inode ^ static_cast<uint64_t>(key.version.mtime_ns));
}

InodeTable::InodeTable() {
  // The root's attributes are not known yet; 1 is the number of a root by tradition.
  const auto root = std::make_shared<Node>(Node::Identity{.id = kRootId, .number = 1, .path = "/"});
  nodes_.emplace(kRootId, Entry{root, 1});
  ids_.emplace(KeyOf(*root), kRootId);
}

NodePtr InodeTable::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(id);
  return it == nodes_.end() ? nullptr : it->second.node;
}

NodePtr InodeTable::FindDirectory(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto it = ids_.find({path, S_IFDIR, {}});
  return it == ids_.end() ? nullptr : nodes_.at(it->second).node;
}

NodePtr InodeTable::Enter(std::string path, Node::Known known) {
  const uint32_t type = known.attributes->mode & S_IFMT;
  const FileVersion version = NodeVersion(*known.attributes);
  const std::lock_guard lock(mutex_);
  if (const auto it = ids_.find({path, type, version}); it != ids_.end()) {
    Entry& entry = nodes_.at(it->second);
    ++entry.lookups;
    entry.node->SetKnown(std::move(known));
    return entry.node;
  }
  const Entry& entry = Insert({.path = std::move(path), .type = type, .version = version}, std::move(known));
  ids_.emplace(KeyOf(*entry.node), entry.node->id());
  return entry.node;
}

NodePtr InodeTable::EnterFresh(Node::Identity identity, Node::Known known) {
  const std::lock_guard lock(mutex_);
  return Insert(std::move(identity), std::move(known)).node;
}

InodeTable::Entry& InodeTable::Insert(Node::Identity identity, Node::Known known) {
  identity.id = next_id_++;
  identity.number = numbers_.Acquire(*known.attributes);
  const uint64_t id = identity.id;
  auto node = std::make_shared<Node>(std::move(identity));
  node->SetKnown(std::move(known));
  return nodes_.emplace(id, Entry{std::move(node), 1}).first->second;
}

std::vector<NodePtr> InodeTable::Renew(const std::string& path) {
  std::vector<NodePtr> renewed;
  const std::lock_guard lock(mutex_);
  std::erase_if(ids_, [&](const auto& entry) {
    const NodePtr& node = nodes_.at(entry.second).node;
    if (node->id() == kRootId || !IsAtOrBelow(node->path(), path)) return false;
    renewed.push_back(node);
    return !node->IsDirectory();
  });
  return renewed;
}

void InodeTable::Forget(uint64_t id, uint64_t lookups) {
  NodePtr dropped;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto it = nodes_.find(id);
  if (it == nodes_.end() || id == kRootId) return;
  it->second.lookups -= std::min(lookups, it->second.lookups);
  if (it->second.lookups > 0) return;
  dropped = std::move(it->second.node);
  if (const auto key = ids_.find(KeyOf(*dropped)); key != ids_.end() && key->second == id) ids_.erase(key);
  numbers_.Release(dropped->number());
  nodes_.erase(it);
}

size_t InodeTable::size() const {
  const std::lock_guard lock(mutex_);
  return nodes_.size();
}

}  // namespace copper::fuse
