// Where a file's ctime alone has changed, content decides, once per change.
//
// The same inode, size and mtime under another ctime may be a hard link, a chmod, a rename: nothing that matters; or
// other bytes, whose writer has put the times back (rsync -t --inplace, tar, touch -r). So no rank shows a chunk that
// it has read under a ctime before that is settled. The root of the name's tree knows who has read chunks of the file,
// and under which ctime the job goes on:
//
//   reader of the source -- kSettle(ctime) --> the name's root
//     nobody has read it yet, or this is the ctime already: yes, at once
//     else -- kCompare --> each rank that has read chunks of it: reads them again, and compares their seals
//             all equal: yes, and this is the ctime from now on. Else ESTALE, to whoever asks, until a refresh.
//
// Sound since the chunk that was read under the new ctime was read before the comparison, which it is part of, and a
// chunk that is equal then was so in between: there was a moment at which the file was all that the job has seen of it.
// What is being read while its rank compares is read again (Ledger::Begin). One settlement of a file is under way at a
// time; the others wait for it, holding no thread.
//
// Where the name's root is lost, a reader compares what it has read itself. A reader that is lost, or no longer knows
// what it has read, can't compare: ESTALE.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "context.h"
#include "ledger.h"
#include "upstream.h"

namespace copper::fetch {

class Settling {
 public:
  using Done = std::move_only_function<void(Status)>;

  Settling(const Context& context, Upstream& upstream)
      : context_(context), upstream_(upstream), ledger_(context.parts.cache.budget()) {}

  Ledger& ledger() { return ledger_; }

  // Whether what was read under this ctime, and is noted in the ledger, may be shown: ESTALE if not. `done` is called
  // once, by any thread; must not block.
  void Ask(const Ledger::Key& file, const FileTime& ctime, Done done);

  // At the name's root, and at those who have read. Must not be held up.
  void ServeSettle(Rank from, const rpc::Request& request, rpc::Responder respond);
  void ServeCompare(const rpc::Request& request, rpc::Responder respond);

  // A path and all below it.
  void Forget(const std::string& top);

 private:
  struct Waiting {
    Rank from;
    FileTime ctime;
    Done done;
  };
  // What the name's root knows of a file.
  struct Subject {
    FileTime settled;
    std::set<Rank> readers;
    bool is_stale = false;
    bool is_comparing = false;
    std::vector<Waiting> waiting;  // for the comparison
  };
  struct KeyHash {
    size_t operator()(const Ledger::Key& key) const { return HashOf(key); }
  };
  struct Comparison;

  void Settle(const Ledger::Key& file, Waiting asking);
  // Nothing: it is to be compared, by these.
  std::optional<Status> Decide(Subject& subject, const Waiting& asking);
  void Compare(const Ledger::Key& file, const std::set<Rank>& readers, Waiting asking);
  void OnCompared(Comparison& comparison, int error);
  void End(const Ledger::Key& file, int error, Waiting asking);
  int CompareOwn(const Ledger::Key& file);  // blocks; 0, ESTALE, or why it can't tell
  void AskRoot(Rank root, const Ledger::Key& file, const FileTime& ctime, Done done);
  void SettleAlone(const Ledger::Key& file, const FileTime& ctime, Done done);
  void Bound();

  const Context& context_;
  Upstream& upstream_;
  Ledger ledger_;

  std::mutex mutex_;  // guards what follows; a leaf
  std::unordered_map<Ledger::Key, Subject, KeyHash> subjects_;
  std::deque<Ledger::Key> order_;  // as they came; may name what is forgotten
};

}  // namespace copper::fetch
