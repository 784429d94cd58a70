// Poly1305 as an almost-universal hash, from OpenSSL's libcrypto: of what Debian 12 has it is the fastest that any
// processor can do (77 us a MiB with AVX-512, against 120 for GHASH with PCLMULQDQ there and in libgcrypt, 190 to 230
// in libsodium and nettle, and 190 for its Poly1305). Never shown as it is: see copper/wire/keys.h.
#pragma once

#include <array>
#include <cstddef>
#include <span>

struct ossl_lib_ctx_st;
struct evp_mac_st;

namespace copper::wire {

using HashKey = std::array<unsigned char, 32>;
using UniversalHash = std::array<std::byte, 16>;

// The algorithm, in a library context of its own, so that nothing depends on how a site has configured OpenSSL (a FIPS
// provider has no Poly1305), or on who else in this process uses it. Immutable; any thread.
class UniversalHasher {
 public:
  UniversalHasher();  // throws std::runtime_error if there is none to be had
  ~UniversalHasher();
  UniversalHasher(const UniversalHasher&) = delete;
  UniversalHasher& operator=(const UniversalHasher&) = delete;

  // Throws std::bad_alloc.
  UniversalHash Hash(std::span<const std::byte> bytes, const HashKey& key) const;

 private:
  ossl_lib_ctx_st* library_;
  evp_mac_st* algorithm_;
};

}  // namespace copper::wire
