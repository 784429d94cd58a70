// What the root of a name's tree knows of its file: the ctime under which the job goes on, and who has read chunks of
// it. fetch/settling.h says what for, and speaks with those ranks.
//
// Any thread. One lock, a leaf; one more in each comparison. What it holds counts in the budget and is bounded: those
// that came first leave first, and a change of such a file is no longer seen by its ctime.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "copper/base/ids.h"
#include "copper/base/mutex.h"
#include "copper/base/result.h"
#include "copper/cache/cache.h"

namespace copper::cache {

class Subjects {
 public:
  using Key = ChunkKey;  // neither chunk nor epoch is part of it

  // A reader that asks whether the job goes on under the ctime that it has seen.
  struct Asker {
    Rank from;
    FileTime ctime;
    bool may_lack;  // doesn't know all that it has read
    std::move_only_function<void(Status)> done;
  };
  using Askers = std::vector<Asker>;

  struct Reader {
    bool may_lack = false;
    bool is_former = false;  // what it has read was before a refresh
  };
  using Readers = std::map<Rank, Reader>;

  // All who have read chunks of a file read them again.
  class Comparison {
   public:
    Comparison(Key of, Askers for_whom, Readers by, const FileTime& ctime, bool exempt)
        : file(std::move(of)),
          readers(std::move(by)),
          latest(ctime),
          but_under(exempt),
          askers_(std::move(for_whom)),
          missing_(readers.size()) {}

    const Key file;
    const Readers readers;
    const FileTime latest;
    const bool but_under;  // what was read under this ctime alone need not be read again

    // What a reader has found: 0, ESTALE, ENODATA, ENOMEM, or why it could not tell. True: it was the last.
    bool Note(Rank rank, int error) EXCLUDES(mutex_);

   private:
    friend class Subjects;
    struct Findings {
      bool differs = false, is_certain = true;
      std::vector<Rank> without;  // who have read nothing that matters
    };
    Findings Take() EXCLUDES(mutex_);

    Askers askers_;
    std::atomic<size_t> missing_;
    Mutex mutex_;
    Findings found_ GUARDED_BY(mutex_);
  };
  using ComparisonPtr = std::shared_ptr<Comparison>;

  // What is to be done now: those are told yes, ESTALE, that it can't be told here (EHOSTDOWN), and this is made.
  struct Next {
    Askers accepted, refused, alone;
    ComparisonPtr comparison;
  };

  explicit Subjects(Budget& budget);

  // `silent`: ranks that would not answer now.
  Next Ask(const Key& file, Asker asker, const std::set<Rank>& silent) EXCLUDES(mutex_);
  // Once its last reader has been noted.
  Next End(Comparison& comparison, const std::set<Rank>& silent) EXCLUDES(mutex_);
  // A path and all below it is refreshed. It is not forgotten who has read.
  void Forget(const std::string& top) EXCLUDES(mutex_);

 private:
  struct Subject {
    std::optional<FileTime> settled;
    Readers readers;
    bool is_stale = false;
    bool is_comparing = false;
    bool was_refreshed = false;  // while it was being compared
    Askers waiting;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return HashOf(key); }
  };
  Subject& Of(const Key& file, const FileTime& ctime) REQUIRES(mutex_);
  static Next Decide(const Key& file, Subject& subject, const std::set<Rank>& silent);
  static void Judge(const Comparison::Findings& found, const FileTime& latest, Subject& subject);
  void Bound() REQUIRES(mutex_);

  Budget& budget_;
  const size_t most_;
  Mutex mutex_;
  std::unordered_map<Key, Subject, KeyHash> subjects_ GUARDED_BY(mutex_);
  std::list<Key> order_ GUARDED_BY(mutex_);  // as they came; may name what has left
  size_t held_ GUARDED_BY(mutex_) = 0;
};

}  // namespace copper::cache
