// What becomes of names that the kernel knows and that are suspect (InodeTable::Suspect), since a refresh came past.
//
// Somebody may be at work in each of them, run it, or have something mounted there, so none is dropped unless it must
// be. A kernel that can expire names looks them up itself, when they are used next, and keeps what is the same. For one
// that can't they are looked at again here, all at once, and those are dropped that are not what they were. Of each
// directory one name is asked for first: the listing that answers for it answers for all others. What can't be had in
// time is dropped, so that nobody sees the old one.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "copper/base/clock.h"
#include "copper/base/mutex.h"
#include "copper/fetch/fetcher.h"
#include "inode_table.h"
#include "notifier.h"

namespace copper::fuse {

class Recheck : public std::enable_shared_from_this<Recheck> {
 public:
  static constexpr size_t kMostAsked = 64;      // looks under way at once
  static constexpr size_t kTurn = 1024;         // names, before the notifier does something else
  static constexpr size_t kWorthListing = 256;  // known names of a directory that make it worth listing however large

  struct Parts {  // all but the notifier are used in its thread only, so they need not outlive the looks under way
    fetch::Fetcher& fetcher;
    const Clock& clock;
    InodeTable& inodes;
    std::shared_ptr<Notifier> notifier;
  };

  Recheck(Parts parts, std::vector<NodePtr> suspects, TimePoint until, Notifier::Purpose purpose);

  // Has the purpose until there is nothing more to tell.
  void Begin();

 private:
  using Nodes = std::vector<NodePtr>;
  struct Task {
    NodePtr node;
    Nodes after_listing{};  // if any: the directory of all these is to be listed first, `node` being one of them
  };
  struct Answer {
    size_t task = 0;
    Result<fetch::Found> found;
    std::optional<bool> is_equal{};  // its bytes, where these were compared
  };

  void MakeTasks();
  // In the notifier's thread.
  void ExpireSome();
  void Run() EXCLUDES(mutex_);
  bool AskSome();
  void Ask(size_t task);
  void Judge(Answer answer);
  void Compare(const NodePtr& node, Answer answer);
  void Drop(const NodePtr& node);
  bool IsBelowDropped(std::string_view path) const;
  // Of the directory that the kernel has this name in; nothing: it has forgotten it.
  static std::optional<uint64_t> DirectoryOf(const Node& node, const InodeTable& inodes);
  // Any thread.
  void OnAnswer(Answer answer) EXCLUDES(mutex_);

  const Parts parts_;
  const TimePoint until_;
  const uint64_t asked_;  // after so many refreshes
  Notifier::Purpose purpose_;
  Nodes suspects_;
  std::vector<Task> tasks_;
  size_t next_ = 0;                          // suspect or task
  std::unordered_set<std::string> dropped_;  // paths that are something else now, or nothing

  Mutex mutex_;  // leaf
  std::vector<Answer> answers_ GUARDED_BY(mutex_);
  size_t under_way_ GUARDED_BY(mutex_) = 0;
  bool is_due_ GUARDED_BY(mutex_) = true;  // a turn of the notifier is coming, as Begin has it do
};

}  // namespace copper::fuse
