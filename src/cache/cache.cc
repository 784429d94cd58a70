#include "copper/cache/cache.h"

#include "copper/base/hash.h"

namespace copper::cache {

uint64_t HashOf(const PathKey& key) {
  return Hash(key.path, key.epoch);
}

uint64_t HashOf(const ChunkKey& key) {
  const uint64_t version = Hash(key.version.Folded(), key.epoch);
  return Hash(key.path, Hash(key.chunk, version));
}

// The attributes are held by the kernel's inodes as well, for as long as it likes; the key is most of what goes.
bool IsInUse(const PathEntry& /*entry*/) {
  return false;
}

bool IsInUse(const ListingEntry& entry) {
  return entry.listing.use_count() > 1;
}

bool IsInUse(const ChunkEntry& entry) {
  return entry.chunk.bytes.IsShared();
}

}  // namespace copper::cache
