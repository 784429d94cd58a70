// An almost-universal hash of what is too long for a PRF alone. Never shown as it is: see keys.h.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace copper::wire {

using HashKey = std::array<unsigned char, 32>;
using UniversalHash = std::array<std::byte, 16>;

// Immutable; any thread.
class UniversalHasher {
 public:
  virtual ~UniversalHasher() = default;
  // Throws std::bad_alloc.
  virtual UniversalHash Hash(std::span<const std::byte> bytes, const HashKey& key) const = 0;
};

// Poly1305, from OpenSSL's libcrypto: of what Debian 12 has it is the fastest that any processor can do (77 us a MiB
// with AVX-512, against 120 for GHASH with PCLMULQDQ there and in libgcrypt, 190 to 230 in libsodium and nettle, and
// 190 for its Poly1305).
//
// In a library context of its own, which takes some 45 KiB, so that nothing depends on how a site has configured
// OpenSSL (a FIPS provider has no Poly1305), or on who else in this process uses it. Throws std::runtime_error if there
// is none to be had.
std::shared_ptr<const UniversalHasher> MakePoly1305();

}  // namespace copper::wire
