#include "copper/cache/cache.h"

namespace copper::cache {

uint64_t HashOf(const PathKey& key) {
  return Hash(key.path, key.epoch);
}

uint64_t HashOf(const ChunkKey& key) {
  const uint64_t version = Hash(key.version.inode ^ static_cast<uint64_t>(key.version.mtime_ns), key.epoch);
  return Hash(key.path, Hash(key.chunk, version));
}

}  // namespace copper::cache
