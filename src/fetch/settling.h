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
// Sound since all that has been shown, and what is asked for, was noted in the ledgers before the comparison begins,
// which it is part of, and a chunk that is equal then was so in between: there was a moment at which the file was all
// that the job has seen of it. Once its rank has begun to compare whatever is noted has to be asked for. What was read
// under one ctime alone, that of the comparison, was all there at once, and need not be read again. One comparison of a
// file is under way at a time; who asks meanwhile waits, holding no thread, for the next, which is made for all of
// them: so a file whose ctime never rests costs no more than reading it as fast as that goes.
//
// A refresh doesn't make the root forget who has read, since others may have been told before it: it makes it compare,
// and who has forgotten says so, and is left out from then on.
//
// Who no longer knows what it has read can't compare: ESTALE. Where the name's root is lost, or one of those who have
// read, a reader of the source compares what it has read itself, and the chunk says that it was settled alone. What was
// shown beside such a chunk is compared by whoever shows it (shown.h), which needs no one else: so no mount shows a
// mix, whoever is lost; but another may show another version.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "context.h"
#include "copper/base/mutex.h"
#include "copper/cache/ledger.h"
#include "copper/cache/shown.h"
#include "copper/cache/subjects.h"

namespace copper::fetch {

class Settling {
 public:
  using Done = std::move_only_function<void(Status)>;

  explicit Settling(const Context& context);

  cache::Ledger& ledger() { return ledger_; }

  // Whether what was read under this ctime, and was noted so in the ledger, may be shown: ESTALE if not. `done` is
  // called once, by any thread; must not block.
  void Ask(const cache::Ledger::Key& file, const FileTime& ctime, const cache::Ledger::Noted& noted, Done done);

  // Whether all that was shown of a file is what the source has now: ESTALE if not, and from then on. `done` is called
  // once, by any thread; must not block.
  void CompareShown(const File& file, Done done);

  // At the name's root, and at those who have read. Must not be held up.
  void ServeSettle(Rank from, const rpc::Request& request, rpc::Responder respond);
  void ServeCompare(const rpc::Request& request, rpc::Responder respond);

  // A path and all below it is refreshed, in either pass.
  void Forget(const std::string& top);

 private:
  using Subjects = cache::Subjects;

  // Has not answered lately, or is known to be lost.
  bool IsSilent(Rank rank);
  // Those of the first kind.
  std::set<Rank> Silent() const EXCLUDES(mutex_);
  void Settle(const cache::Ledger::Key& file, Subjects::Asker asker);
  void Do(Subjects::Next next) EXCLUDES(mutex_);
  void Compare(const Subjects::ComparisonPtr& comparison);

  void CompareOnPool(const rpc::Request& request, std::move_only_function<void(int)> done);
  // These block. ESTALE, or why it can't tell; else the ctime under which it has read all of it again, if that was one.
  using Equal = Result<std::optional<FileTime>>;
  using Seals = std::vector<std::pair<uint64_t, Seal>>;  // by chunk
  Equal CompareOwn(const cache::Ledger::Key& file, const std::optional<FileTime>& but_under);
  Equal AreStill(const std::string& path, const FileVersion& version, const Seals& seals);
  // The same of one chunk.
  Result<FileTime> IsStill(const std::string& path, const FileVersion& version, uint64_t chunk, const Seal& seal);
  // Asks a rank that may be dead or frozen.
  void Call(Rank rank, rpc::Request request, Duration within, std::move_only_function<void(int)> done);
  void SettleAlone(const cache::Ledger::Key& file, const FileTime& ctime, Done done);
  cache::Ledger::Key Current(const cache::Ledger::Key& file) const;

  const Context& context_;
  cache::Ledger ledger_;
  Subjects subjects_;  // whose names are rooted here

  mutable Mutex mutex_;  // a leaf
  std::map<Rank, TimePoint> silent_until_ GUARDED_BY(mutex_);
};

}  // namespace copper::fetch
