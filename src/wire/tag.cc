#include "wire/tag.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "copper/wire/header.h"

namespace copper::wire {
namespace {

// sodium_init is not called: it selects faster code for this CPU and opens the random source, and nothing used here has
// either. All of it is free of state, and so safe in any thread.

constexpr char kContext[crypto_kdf_CONTEXTBYTES + 1] = "cuwirev1";
constexpr uint64_t kTagSubkey = 1;

using Subkey = std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES>;
static_assert(crypto_shorthash_siphashx24_BYTES == kTagSize);
static_assert(crypto_kdf_KEYBYTES == std::tuple_size_v<JobKey>);

const unsigned char* Unsigned(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

// The job key itself is never used on data, so that other uses of it stay independent of this one.
Subkey DeriveSubkey(const JobKey& key) {
  Subkey subkey;
  crypto_kdf_derive_from_key(subkey.data(), subkey.size(), kTagSubkey, kContext, Unsigned(key.data()));
  return subkey;
}

Tag Hash(const std::byte* data, size_t size, const JobKey& key) {
  Tag tag;
  crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(tag.data()), Unsigned(data), size,
                              DeriveSubkey(key).data());
  return tag;
}

}  // namespace

Tag ComputeTag(std::span<const std::byte> head, std::span<const std::byte> payload, const JobKey& key) {
  // libsodium has this hash for one run of memory only.
  std::array<std::byte, kHeaderSize + kAuthenticatedPayload> small;
  std::vector<std::byte> large;
  const size_t size = head.size() + payload.size();
  if (size > small.size()) large.resize(size);
  std::byte* const joined = large.empty() ? small.data() : large.data();
  std::ranges::copy(payload, std::ranges::copy(head, joined).out);
  return Hash(joined, size, key);
}

bool SameTag(std::span<const std::byte, kTagSize> a, std::span<const std::byte, kTagSize> b) {
  return sodium_memcmp(a.data(), b.data(), kTagSize) == 0;
}

}  // namespace copper::wire
