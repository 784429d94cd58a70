// The nodes that the kernel knows, counted as it counts them: each Enter is one lookup, Forget takes lookups back, and
// a node goes with its last one. Node ids are never used twice.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "inode_numbers.h"
#include "node.h"

namespace copper::fuse {

inline constexpr uint64_t kRootId = 1;

// Any thread; one lock, held for bookkeeping only, under which only a node's own is taken.
class InodeTable {
 public:
  InodeTable();

  NodePtr Find(uint64_t id) const;  // nullptr: unknown to the kernel
  NodePtr FindDirectory(const std::string& path) const;

  // The node of this version of a path, made if need be, with these attributes from now on; one lookup more.
  NodePtr Enter(std::string path, Node::Known known);
  // A node of its own at each call: files of pseudo file systems, and of .copper.
  NodePtr EnterFresh(Node::Identity identity, Node::Known known);

  // Every node of the source at this path and below it, but the root. Those that are no directories stay with whoever
  // has them open; Enter makes new ones from now on, even of the same version: with pages of their own in the kernel.
  std::vector<NodePtr> Renew(const std::string& path);

  void Forget(uint64_t id, uint64_t lookups);
  size_t size() const;

 private:
  struct Entry {
    NodePtr node;
    uint64_t lookups = 0;
  };
  struct Key {
    std::string_view path;  // the node's own string
    uint32_t type = 0;
    FileVersion version;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };
  static Key KeyOf(const Node& node) { return {node.path(), node.type(), node.version()}; }
  Entry& Insert(Node::Identity identity, Node::Known known);

  mutable std::mutex mutex_;  // guards everything below
  std::unordered_map<uint64_t, Entry> nodes_;
  std::unordered_map<Key, uint64_t, KeyHash> ids_;  // not of fresh nodes
  InodeNumbers numbers_;
  uint64_t next_id_ = kRootId + 1;
};

}  // namespace copper::fuse
