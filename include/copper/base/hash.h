// One hash for keys, shards and trees (XXH3, xxhash.com): the same value on every node and in every version of Copper
// that speaks one wire version, since the choice of a tree depends on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace copper {

uint64_t Hash(std::string_view bytes, uint64_t seed = 0);
uint64_t Hash(uint64_t value, uint64_t seed = 0);

}  // namespace copper
