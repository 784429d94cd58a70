// The inodes that one mount's kernel knows: a path and the inode number that it led to. What another file has taken the
// path of since is ESTALE, as it is with the handles of a network file system. Any thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace copper::source_fs {

struct Node {
  std::string path;  // "/" or "/a/b"
  uint64_t inode = 0;
};

class Nodes {
 public:
  explicit Nodes(const Node& root) { nodes_[kRoot] = {root, 1}; }

  static constexpr uint64_t kRoot = 1;

  Node Find(uint64_t number) const;
  std::string PathOf(uint64_t directory, const char* name) const;
  // The number of this node, told to the kernel once more.
  uint64_t Remember(const Node& node);
  void Forget(uint64_t number, uint64_t times);

 private:
  struct Known {
    Node node;
    uint64_t lookups = 0;
  };
  mutable std::mutex mutex_;  // guards what follows
  std::map<uint64_t, Known> nodes_;
  std::map<std::pair<std::string, uint64_t>, uint64_t> numbers_;
  uint64_t next_ = kRoot + 1;
};

}  // namespace copper::source_fs
