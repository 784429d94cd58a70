// What a node holds, in three tables: metadata (what a path is, or that it is absent), tree (listings) and data
// (chunks).
#pragma once

#include <memory>
#include <string>

#include "copper/base/bytes.h"
#include "copper/base/clock.h"
#include "copper/base/file.h"
#include "copper/cache/table.h"

namespace copper::cache {

// An epoch ends when a path is refreshed: what was kept in an earlier one is found no more (src/fetch/refreshes.h).
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

// A listing, the bytes that children are sent, and until when it may answer for absent names unasked.
struct ListingEntry {
  ListingPtr listing;
  Bytes encoded;
  TimePoint valid_until = kNever;
};

class Cache {
 public:
  Table<PathKey, PathEntry>& metadata() { return metadata_; }
  Table<PathKey, ListingEntry>& tree() { return tree_; }
  Table<ChunkKey, Bytes>& data() { return data_; }

 private:
  Table<PathKey, PathEntry> metadata_;
  Table<PathKey, ListingEntry> tree_;
  Table<ChunkKey, Bytes> data_;
};

}  // namespace copper::cache
