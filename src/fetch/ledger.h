// What this rank has read from the source, chunk by chunk: its seal (16 bytes), which stays when the bytes are evicted,
// and the ctime of the file under which it may go on reading without asking (settling.h).
//
// Any thread. One lock, a leaf. What it holds counts in the budget and is bounded: what was read longest ago leaves
// first, and whoever is asked about it then can't tell.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "copper/base/seal.h"
#include "copper/cache/cache.h"

namespace copper::fetch {

class Ledger {
 public:
  // The chunk number is not part of it.
  using Key = cache::ChunkKey;
  static constexpr size_t kMostSeals = size_t{1} << 20;  // a TiB of distinct chunks
  static constexpr size_t kMostFiles = size_t{1} << 17;

  explicit Ledger(cache::Budget& budget) : budget_(budget) {}

  // A read begins; to be told to Note. It changes when this file is compared: what was being read then was not.
  uint64_t Begin(const Key& file);

  enum class Noted {
    kSettled,  // read under the ctime that was settled last
    kAsk,      // under another, or none was
    kAgain,    // the file was compared meanwhile: to be read again
    kChanged,  // this chunk has been read before, with other bytes
  };
  Noted Note(const Key& file, uint64_t chunk, const Seal& seal, const FileTime& ctime, uint64_t begun);
  void Settle(const Key& file, const FileTime& ctime);
  // Alone: true if nothing was settled before, and this is now, or if it was this.
  bool SettleFirst(const Key& file, const FileTime& ctime);

  // All that is to be compared; nullopt if nothing is known of this file, or no longer.
  std::optional<std::vector<std::pair<uint64_t, Seal>>> BeginComparison(const Key& file);

  void Forget(const std::string& top);  // a path and all below it

 private:
  struct Entry {
    std::optional<FileTime> settled;
    uint64_t comparisons = 0;
    std::map<uint64_t, Seal> seals;  // by chunk
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return HashOf(key); }
  };
  using Entries = std::unordered_map<Key, Entry, KeyHash>;

  Entry& Open(const Key& file);
  void Erase(Entries::iterator entry);
  void Bound();

  cache::Budget& budget_;
  std::mutex mutex_;  // guards what follows
  Entries entries_;
  std::deque<Key> order_;  // as they were first read; may name what is forgotten
  size_t seals_ = 0;
};

}  // namespace copper::fetch
