// What a node holds, in three tables under one budget: metadata (what a path is, or that it is absent), listings
// and data (chunks).
#pragma once

#include <memory>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/seal.h"
#include "copper/cache/budget.h"
#include "copper/cache/table.h"
#include "copper/names/attributes.h"
#include "copper/names/listing.h"

namespace copper::cache {

// An epoch ends when a path is refreshed: what was kept in an earlier one is found no more (epochs.h).
using Epoch = uint64_t;

struct PathKey {
  std::string path;
  Epoch epoch = 0;
  bool operator==(const PathKey&) const = default;
};
uint64_t HashOf(const PathKey& key);

struct ChunkKey {
  std::string path;
  FileVersion version;
  uint64_t chunk = 0;
  Epoch epoch = 0;
  bool operator==(const ChunkKey&) const = default;
};
uint64_t HashOf(const ChunkKey& key);

// What a path is: attributes, or absent until `valid_until` (kNever where the TTL is the whole job).
struct PathEntry {
  std::shared_ptr<const Attributes> attributes;  // null: a negative entry
  TimePoint valid_until = kNever;
};
bool IsInUse(const PathEntry& entry);

// A listing, and until when it may answer for absent names unasked.
struct ListingEntry {
  ListingPtr listing;
  TimePoint valid_until = kNever;
};
bool IsInUse(const ListingEntry& entry);

// Bytes as they were read from the source, and the seal of whoever read them.
struct Chunk {
  Bytes bytes;
  Seal seal{};
  FileTime ctime{};    // of the file when it was read
  bool alone = false;  // by a rank that could not ask the root of the name (fetch/settling.h)
};

// A chunk, and how much of it has gone where it was to go.
struct ChunkEntry {
  Chunk chunk;
  uint64_t delivered = 0;  // bytes of it that this node's kernel was given
  uint32_t served = 0;     // children that it was sent to
  bool read_here = false;  // from the source, by this node: it stays for whoever comes later
};
bool IsInUse(const ChunkEntry& entry);

class Cache {
 public:
  explicit Cache(uint64_t budget = UINT64_MAX) : budget_(budget) {}

  Budget& budget() { return budget_; }
  Table<PathKey, PathEntry>& metadata() { return metadata_; }
  Table<PathKey, ListingEntry>& listings() { return listings_; }
  Table<ChunkKey, ChunkEntry>& data() { return data_; }

 private:
  Budget budget_;
  Table<PathKey, PathEntry> metadata_{budget_};
  Table<PathKey, ListingEntry> listings_{budget_};
  Table<ChunkKey, ChunkEntry> data_{budget_};
};

}  // namespace copper::cache
