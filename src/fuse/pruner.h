// Has the kernel forget the oldest nodes when there are more than the inode table's budget allows, and never one that
// somebody uses: its name would be gone for good (getcwd(2) fails, /proc says "(deleted)", what is mounted there goes).
//
// Linux from 6.18 on sees to that itself. For older ones it is looked up what is in use on this node, once for many
// nodes, in a thread of its own ("copper-in-use"): that reads much of /proc. So that nobody can begin to use a name
// between that look and its end without being noticed, those names must be looked up at each use by then: they have
// been expired, or (before Linux 6.2, which can't) were given to the kernel for one use each in the first place
// (Node::IsNameLasting). Whether it was used is asked when the kernel is told, not before: who looks up a name that has
// been let go, but not dropped yet, would use another node and lose that one's name. Where nobody can say what is in
// use nothing is given up.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/files_in_use.h"
#include "copper/base/mutex.h"
#include "copper/base/worker_pool.h"
#include "inode_table.h"
#include "notifier.h"

namespace copper::fuse {

class Pruner {
 public:
  // The table outlives it. `in_use` may be null: not known.
  Pruner(InodeTable& inodes, const Clock& clock, std::shared_ptr<Notifier> notifier, std::shared_ptr<FilesInUse> in_use)
      : inodes_(inodes), clock_(clock), notifier_(std::move(notifier)), in_use_(std::move(in_use)) {}

  // When nodes have been entered; costs nothing within the budget. Any thread; does not block.
  void Relieve();
  // After the notifier was stopped. Waits for a look that is under way. Idempotent.
  void Stop();

 private:
  void PruneOldest();
  void BeginLook();
  uint64_t DirectoryOf(const Node& node) const;
  std::optional<FilesInUse::Seen> Look() const;
  void DropUnused();
  void Rest(Duration time);
  void OnLooked();

  InodeTable& inodes_;
  const Clock& clock_;
  const std::shared_ptr<Notifier> notifier_;
  const std::shared_ptr<FilesInUse> in_use_;
  std::atomic<bool> looking_{false};
  std::vector<NodePtr> oldest_;  // of whoever has set `looking_`
  Mutex resting_;                // leaf
  Condition stop_;
  bool stopping_ GUARDED_BY(resting_) = false;
  WorkerPool thread_{"copper-in-use", 1};
};

}  // namespace copper::fuse
