// The nodes that the kernel knows, counted as it counts them: each Enter is one lookup, Forget takes lookups back, and
// a node goes with its last one. Node ids are never used twice.
//
// Only the kernel can let go of a node, so the budget is kept by asking it to: beyond it, the files that were entered
// longest ago are to be forgotten, those that were never read first (a file that is open keeps its node, but /proc
// would call it deleted, and what somebody mounted on it would go). Directories stay: one may be somebody's working
// directory.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "entry_queue.h"
#include "inode_numbers.h"
#include "node.h"

namespace copper::fuse {

inline constexpr uint64_t kRootId = 1;

// A name that the kernel is to forget.
struct KnownName {
  uint64_t directory = 0;
  std::string name;
};

// Any thread; one lock, held for bookkeeping only, under which only a node's own is taken.
class InodeTable {
 public:
  static constexpr size_t kBatch = 64;       // names that are given up at once
  static constexpr size_t kNewestKept = 64;  // of either sort are never given up, however small the budget

  explicit InodeTable(size_t budget_bytes = SIZE_MAX);

  NodePtr Find(uint64_t id) const;  // nullptr: unknown to the kernel
  NodePtr FindDirectory(const std::string& path) const;

  // The node of this version of a path, made if need be, with these attributes from now on; one lookup more.
  NodePtr Enter(std::string path, Node::Known known);
  // The same for a name that the kernel did not ask for: nullptr where it would be new and there is no room for it.
  NodePtr EnterIfRoom(std::string path, const Attributes& attributes, TimePoint valid_until);
  // A node of its own at each call: files of pseudo file systems, and of .copper.
  NodePtr EnterFresh(Node::Identity identity, Node::Known known);
  // What is known of the node from now on. A directory that is another one at the source now gets that one's number.
  void SetKnown(Node& node, Node::Known known);
  // Its reader was made.
  void NoteRead(uint64_t id);

  // Every node of the source at this path and below it, but the root. Those that are no directories stay with whoever
  // has them open; Enter makes new ones from now on, even of the same version: with pages of their own in the kernel.
  std::vector<NodePtr> Renew(const std::string& path);

  void Forget(uint64_t id, uint64_t lookups);

  // What the kernel must be asked to forget to keep to the budget: each name once, a batch at most. It answers with
  // Forget, or keeps what is in use.
  std::vector<KnownName> TakeExcess();

  size_t size() const;
  size_t charge() const;  // bytes

 private:
  struct Key {
    std::string_view path;
    uint32_t type = 0;
    FileVersion version;
    bool operator==(const Key&) const = default;
  };
  static Key KeyOf(const Node& node) { return {node.path(), node.type(), node.version()}; }
  // So that the node itself is its key.
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const Key& key) const;
    size_t operator()(const Node* node) const { return (*this)(KeyOf(*node)); }
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const Node* a, const Node* b) const { return a == b; }
    bool operator()(const Key& a, const Node* b) const { return a == KeyOf(*b); }
    bool operator()(const Node* a, const Key& b) const { return KeyOf(*a) == b; }
  };

  // All of these with the lock held.
  KnownEntry* FindEntry(const Key& key);
  void Renumber(Node& node, const Attributes& attributes);
  NodePtr EnterAgain(KnownEntry& entry);
  NodePtr EnterNew(Node::Identity identity, Node::Known known);
  KnownEntry& Insert(Node::Identity identity, Node::Known known);
  void Requeue(KnownEntry& entry);
  void Unqueue(KnownEntry& entry);
  void GiveUp(KnownEntry& entry);
  void TakeFrom(EntryQueue& queue, std::vector<KnownName>& names);
  bool IsOver() const { return charge_ - given_up_ > budget_; }
  void NoteCharge();

  const size_t budget_;
  std::atomic<bool> over_{false};  // whether TakeExcess has anything to do

  mutable std::mutex mutex_;  // guards everything below
  std::unordered_map<uint64_t, KnownEntry> nodes_;
  std::unordered_set<const Node*, KeyHash, KeyEqual> by_key_;  // not of fresh nodes
  InodeNumbers numbers_;
  uint64_t next_id_ = kRootId + 1;
  EntryQueue unread_, read_;
  size_t charge_ = 0;
  size_t given_up_ = 0;  // the part of `charge_` that the kernel has been asked to forget
};

}  // namespace copper::fuse
