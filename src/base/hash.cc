#include "copper/base/hash.h"

#include <xxhash.h>

namespace copper {

uint64_t Hash(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}
uint64_t Hash(uint64_t value, uint64_t seed) {
  return XXH3_64bits_withSeed(&value, sizeof value, seed);
}

}  // namespace copper
