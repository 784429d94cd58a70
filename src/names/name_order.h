// The order of a directory's names: by hash, and by bytes where hashes are the same. So a place between two names is a
// number that means the same in every listing of the directory, whatever names have come and gone: what ext4 does with
// its hashed directories (fs/ext4/dir.c in Linux).
//
// The position of a name has two forms, told apart by their size:
//  - short: the upper 31 bits of the hash, where no neighbour in the listing has the same. Nearly always; so programs
//    whose off_t has 32 bits can read directories, too;
//  - long: all 55 bits of the hash, and 8 bits that count names of the very same hash. Two of a million names are, in
//    one of 70,000 directories; only there a name may be missed or told twice, when the one before it comes or goes.
// Either form separates, in any other listing, the same names: one that has the same upper bits as a short position was
// not in the listing that gave it.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "copper/base/hash.h"
#include "copper/names/listing.h"

namespace copper::name_order {

inline constexpr int kHashBits = 55;
inline constexpr int kLowerBits = 24;  // that a short position goes without
inline constexpr int kCountBits = 8;
inline constexpr uint64_t kLastShort = (uint64_t{1} << (kHashBits - kLowerBits)) - 1;
inline constexpr uint64_t kMostCounted = (uint64_t{1} << kCountBits) - 1;
inline constexpr uint64_t kFirstHash = (Listing::kBeforeNames + 1) << kLowerBits;

inline uint64_t HashOf(std::string_view name) {
  const uint64_t hash = Hash(name) >> (64 - kHashBits);
  return hash < kFirstHash ? hash + kFirstHash : hash;
}

struct Key {
  uint64_t hash = 0;
  std::string_view name;
  auto operator<=>(const Key&) const = default;
};
inline Key KeyOf(std::string_view name) {
  return {HashOf(name), name};
}

}  // namespace copper::name_order
