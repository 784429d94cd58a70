// What one node of the kernel has been shown of its file, chunk by chunk (its seals): never parts of two versions.
//
// Roots of names vouch for chunks (fetch/settling.h): all that they vouch for in one epoch is of one version, whatever
// its ctime. Two kinds of chunks they can't vouch for together: those that were read where such a root is lost
// (Chunk::alone), and those of before and after a refresh, both of which come to who has the file open. So what
// was not vouched for together is shown only if all of it is what the file was under one ctime, or is found equal when
// it is compared again: with what roots vouch for now, through the trees, or, where none can, with the source.
//
// Owned by the File that it belongs to. Any thread. One lock, a leaf. What it holds counts in the budget.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "copper/base/mutex.h"
#include "copper/base/seal.h"
#include "copper/cache/cache.h"

namespace copper::cache {

class Shown {
 public:
  // So many chunks are noted: 64 GiB.
  static constexpr size_t kMost = 65'536;
  // 1 GiB.
  static constexpr size_t kMostAgain = 1024;
  // The epoch in which roots vouch for a chunk; none if they don't.
  using Vouched = std::optional<Epoch>;

  explicit Shown(Budget& budget);
  ~Shown();
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

  enum class Verdict {
    kSettled,  // with what was shown before it is of one version
    kAsk,      // it has to be compared
    kChanged,  // it is not; or there is more than could be noted
  };
  // Before the chunk is shown; notes it.
  Verdict Show(uint64_t chunk, const Chunk& shown, Vouched vouched);

  struct Seals {
    uint64_t comparison;  // that begins
    std::vector<std::pair<uint64_t, Seal>> chunks;
  };
  // All that is to be compared. Whatever is shown from now on has to be compared, too.
  Seals BeginComparison();
  // All was found equal, to what the file is under this ctime (nullopt: it has moved meanwhile), or to what roots vouch
  // for. As long as another that has begun since is not over, nothing is shown uncompared.
  void Settle(uint64_t comparison, const std::optional<FileTime>& ctime, Vouched vouched);
  // Something was not: nothing is shown any more.
  void Refuse();
  // Whether all of it can be compared, at a cost that is worth while where nobody reads: no more than kMostAgain.
  bool MayBeCompared() const;

  // Whether all that was shown is what the file is under this ctime; nullopt if there is nothing yet. What is being
  // compared is not shown yet.
  std::optional<bool> IsOf(const FileTime& ctime) const;

 private:
  using Noted = std::vector<std::pair<uint64_t, Seal>>;

  bool Note(uint64_t chunk, const Seal& seal) REQUIRES(mutex_);

  Budget& budget_;
  mutable Mutex mutex_;
  Noted noted_ GUARDED_BY(mutex_);      // by chunk
  size_t held_ GUARDED_BY(mutex_) = 0;  // bytes, in the budget
  std::optional<FileTime> settled_ GUARDED_BY(mutex_);
  Vouched vouched_ GUARDED_BY(mutex_);           // all of it
  uint64_t comparisons_ GUARDED_BY(mutex_) = 0;  // the last that has begun
  uint64_t ended_ GUARDED_BY(mutex_) = 0;        // the last that has found all equal
  bool lacks_ GUARDED_BY(mutex_) = false;        // more was shown than is noted
  bool is_refused_ GUARDED_BY(mutex_) = false;
};

}  // namespace copper::cache
