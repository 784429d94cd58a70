// The nodes that the kernel knows, counted as it counts them: each Enter is one lookup, Forget takes lookups back, and
// a node goes with its last one. Node ids are never used twice.
//
// Only the kernel can let go of a node, so the budget is kept by asking it to: beyond it, the nodes that were entered
// longest ago are to be forgotten, files that were never read first. It keeps what is in use, and that is beyond the
// budget then: bounded by what processes have open.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "copper/base/hash.h"
#include "copper/base/mutex.h"
#include "copper/names/inode_numbers.h"
#include "entry_queue.h"
#include "node.h"

namespace copper::fuse {

inline constexpr uint64_t kRootId = 1;

// Any thread; one lock, held for bookkeeping only, under which only a node's own is taken.
class InodeTable {
 public:
  static constexpr size_t kNewestKept = 64;              // of either sort are never given up, however small the budget
  static constexpr size_t kMostRound = size_t{4} << 20;  // bytes; see `round_`
  static constexpr size_t kMostAtOnce = size_t{16} << 20;  // bytes, of those that are to be looked for in /proc
  static constexpr uint64_t kNow = UINT64_MAX;

  explicit InodeTable(size_t budget_bytes = SIZE_MAX);

  // What becomes of those that are taken, by what the kernel can do (pruner.h). Before the first Enter.
  enum class Mode {
    kPruned,   // it leaves alone by itself what is in use: fresh nodes go with the others
    kExpired,  // their names are expired, and what is in use is looked up
    kAsked  // the same, but names can't be expired: those beyond half of the budget are told for one use each, so that
            // all uses are noticed. The others stay.
  };
  void SetMode(Mode mode) { mode_ = mode; }

  NodePtr Find(uint64_t id) const;  // nullptr: unknown to the kernel
  NodePtr FindDirectory(const std::string& path) const;

  // The node of this version of a path, made if need be, with these attributes from now on; one lookup more. `asked`:
  // how many refreshes there had been when these attributes were asked for. Where a refresh has made a node suspect, it
  // is the same one only if all that was shown of it is what it is now (Node::Judge). `compared`: this node is.
  NodePtr Enter(std::string path, Node::Known known, uint64_t asked = kNow, const Node* compared = nullptr);
  // The same for a name that the kernel did not ask for: nullptr where it would be new and there is no room for it, and
  // where it may be another one in the place of a directory, or of a suspect: the kernel is to ask which it is.
  NodePtr EnterIfRoom(std::string path, const Attributes& attributes, TimePoint valid_until, uint64_t asked = kNow);
  // A node of its own at each call: files of pseudo file systems, and of .copper.
  NodePtr EnterFresh(Node::Identity identity, Node::Known known);
  // What is known of the node from now on. A directory that becomes another one gets that one's number.
  void SetKnown(Node& node, Node::Known known);
  // Its reader was made.
  void NoteRead(uint64_t id);

  // A refresh: what is known of this path and all below it, but the root, is suspect from now on, until Enter or
  // Confirm finds it to be the same. All these nodes.
  std::vector<NodePtr> Suspect(const std::string& path);
  // How many refreshes there were.
  uint64_t refreshes() const { return refreshes_; }
  // The suspect at this path, if its bytes are to be compared before anybody can say whether it is what was found
  // (Node::Sameness::kCompare); else null.
  NodePtr ToCompare(const std::string& path, const Attributes& found);
  // `found` is what its path is now (null: nothing), by a look that was asked for after so many refreshes; `is_equal`:
  // its bytes were compared. False: the node is still what the kernel has at this path, and should not be.
  bool Confirm(const Node& node, const Attributes* found, uint64_t asked, bool is_equal = false);

  void Forget(uint64_t id, uint64_t lookups);

  // What the kernel must be asked to forget to keep to the budget. It answers with Forget, or keeps what is in use:
  // a fourth of what is taken are such ones, again, the other three nodes that have not been taken yet. Nothing where
  // the budget is kept, or not much has been entered since the last time.
  std::vector<NodePtr> TakeOldest();
  // Whether there is anything to take.
  bool IsOver() const { return over_; }
  // This one, which was taken and is not in use, goes: its name means another node from now on. The directory of which
  // the kernel must be told that this name is invalid; nothing where the node was used since, is at work, or has names
  // below it, and stays. The caller holds it, and nobody else may.
  std::optional<uint64_t> LetGo(const NodePtr& node);

  size_t size() const;
  size_t charge() const;  // bytes

 private:
  // So that the node itself is its key.
  struct PathHash {
    using is_transparent = void;
    size_t operator()(std::string_view path) const { return Hash(path); }
    size_t operator()(const Node* node) const { return Hash(node->path()); }
  };
  struct PathEqual {
    using is_transparent = void;
    bool operator()(const Node* a, const Node* b) const { return a == b; }
    bool operator()(std::string_view a, const Node* b) const { return a == b->path(); }
    bool operator()(const Node* a, std::string_view b) const { return a->path() == b; }
  };

  KnownEntry* FindEntry(std::string_view path) REQUIRES(mutex_);
  KnownEntry* FindSame(std::string_view path, const Attributes& attributes, uint64_t asked,
                       const Node* compared = nullptr) REQUIRES(mutex_);
  void Renumber(Node& node, const Attributes& attributes) REQUIRES(mutex_);
  NodePtr EnterAgain(KnownEntry& entry) REQUIRES(mutex_);
  NodePtr EnterNew(std::string path, Node::Known known, uint64_t asked) REQUIRES(mutex_);
  KnownEntry& Insert(Node::Identity identity, Node::Known known) REQUIRES(mutex_);
  void Requeue(KnownEntry& entry) REQUIRES(mutex_);
  void Unqueue(KnownEntry& entry) REQUIRES(mutex_);
  size_t TakeFrom(EntryQueue& queue, size_t but, size_t bytes, std::vector<NodePtr>& taken) REQUIRES(mutex_);
  bool MayBeTaken(const KnownEntry& entry) const REQUIRES(mutex_);
  void NoteCharge() REQUIRES(mutex_) { over_ = charge_ > budget_ && entered_ >= round_; }

  // So much, in bytes, is entered between two times that the oldest are taken, and goes when they are: enough for each
  // time to be worth while, and for the kernel to have forgotten what it was asked to the last time.
  const size_t round_;
  const size_t budget_;  // a round less than was given
  std::atomic<Mode> mode_{Mode::kPruned};
  std::atomic<uint64_t> refreshes_{0};  // counted with the lock held
  std::atomic<bool> over_{false};       // whether TakeOldest has anything to do

  mutable Mutex mutex_;
  std::unordered_map<uint64_t, KnownEntry> nodes_ GUARDED_BY(mutex_);
  // The last one of each; no fresh ones.
  std::unordered_set<const Node*, PathHash, PathEqual> by_path_ GUARDED_BY(mutex_);
  InodeNumbers numbers_ GUARDED_BY(mutex_);
  uint64_t next_id_ GUARDED_BY(mutex_) = kRootId + 1;
  EntryQueue first_ GUARDED_BY(mutex_);  // to go; those of `last_` when there are no more here
  EntryQueue last_ GUARDED_BY(mutex_);
  EntryQueue kept_ GUARDED_BY(mutex_);  // were taken, and have not been entered again
  size_t charge_ GUARDED_BY(mutex_) = 0;
  // Bytes, since the oldest were taken; those that were taken in vain come again.
  size_t entered_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::fuse
