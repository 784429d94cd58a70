// What this rank has read from the source, chunk by chunk: its seal (16 bytes), which stays when the bytes are evicted,
// and the ctime of the file under which it may go on reading without asking (fetch/settling.h).
//
// Any thread. One lock, a leaf. What it holds counts in the budget and is bounded: what was read longest ago leaves
// first, and that this may be so is told to whoever asks about it.
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/base/result.h"
#include "copper/base/seal.h"
#include "copper/cache/cache.h"

namespace copper::cache {

class Ledger {
 public:
  // The chunk number is not part of it; the epoch is that in which the file was read, not before a refresh.
  using Key = ChunkKey;
  struct Seals {
    uint64_t comparison;  // that begins, for Settle
    std::vector<std::pair<uint64_t, Seal>> chunks;
  };

  explicit Ledger(Budget& budget);

  struct Noted {
    enum class Verdict {
      kSettled,  // read under the ctime that was settled last
      kAsk,      // under another, or none has been since the file was compared
      kChanged,  // this chunk has been read before, with other bytes
    };
    Verdict verdict;
    uint64_t comparison;  // the last before it, for Settle
    bool may_lack;        // the first of this file, but others may have been forgotten for want of room
  };
  // Before the chunk is shown.
  Noted Note(const Key& file, uint64_t chunk, const Seal& seal, const FileTime& ctime);
  // What was noted with this may be shown; it says nothing of what is read from now on if the file was compared since.
  void Settle(const Key& file, const FileTime& ctime, uint64_t comparison);
  // Alone: true if all that was read was read under this ctime, or was found equal under it.
  bool SettleAlone(const Key& file, const FileTime& ctime);
  // Some of it is settled without the root of its name, or may be; and from now on it is.
  bool IsAlone(const Key& file);
  void SetAlone(const Key& file);

  // What is to be compared; whatever is noted after this has to be asked for. Nothing of what has been read under
  // `but_under` alone. ENODATA if nothing is known of this file, ENOMEM if it may have been forgotten for want of room.
  Result<Seals> BeginComparison(const Key& file, const std::optional<FileTime>& but_under);

  // A path and all below it, of any epoch before this one.
  void Forget(const std::string& top, Epoch before);

 private:
  struct Entry {
    std::optional<FileTime> settled;
    std::optional<FileTime> all_under;  // all that was read, if it was under one ctime
    uint64_t comparison = 0;            // a number of its own, another after each
    bool may_lack = false;
    bool is_alone = false;
    std::map<uint64_t, Seal> seals;  // by chunk
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return HashOf(key); }
  };
  using Entries = std::unordered_map<Key, Entry, KeyHash>;

  Entry& Open(const Key& file, const FileTime& ctime) REQUIRES(mutex_);
  void Hold(size_t bytes) REQUIRES(mutex_);
  void Erase(Entries::iterator entry) REQUIRES(mutex_);
  void Bound() REQUIRES(mutex_);

  Budget& budget_;
  const size_t most_;
  Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::list<Key> order_ GUARDED_BY(mutex_);  // as they were first read; may name what is forgotten
  size_t held_ GUARDED_BY(mutex_) = 0;
  uint64_t comparisons_ GUARDED_BY(mutex_) = 0;
  bool has_let_go_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper::cache
