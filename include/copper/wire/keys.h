// The job's keys as messages use them, and seals.
//
// A seal is a MAC by whoever read something from the source (the root of its tree, or a rank on a detour) over what was
// read and what it is: kind, path, version, number of the chunk, size. It travels with the bytes, unchanged, however
// many ranks pass them on, and each rank checks it once, before it keeps or shows them. So what a network, a faulty
// node's memory or somebody on the path has changed is found, whatever its size.
//
// Made as hash-then-PRF: the bytes are hashed with Poly1305 (D. J. Bernstein, 2005) under one secret key of the job,
// which is an almost-universal hash (two different chunks have the same one with a chance below 2^-86), and SipHash-2-4
// with 128 bits, which is a PRF, is taken over that hash and what the bytes are. No hash is ever seen outside, which is
// why no nonce is needed, as it is where the hash itself travels (GMAC, Poly1305 as used in TLS): there one nonce used
// twice, by two roots that read different bytes under one version, gives the key away. And equal bytes have
// equal seals, whoever made them, so that seals tell whether a file that is read again is what it was.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "copper/base/bytes.h"
#include "copper/base/ids.h"
#include "copper/base/seal.h"
#include "copper/base/secret.h"
#include "copper/names/attributes.h"
#include "copper/wire/universal_hash.h"

namespace copper::wire {

enum class Kind : uint8_t;

// What sealed bytes are.
struct Subject {
  Kind kind;  // kRead: a chunk; kList: a whole packed listing
  std::string_view path;
  FileVersion version{};
  uint64_t number = 0;  // of the chunk
};

// Derived from the job's key, once; the key itself is never used on data. Immutable, any thread; copies are cheap.
// Throws std::bad_alloc.
class Keys {
 public:
  // By default the hash is Poly1305 (MakePoly1305, which may throw). All ranks of a job need the same one.
  explicit Keys(const JobIdentity& job, std::shared_ptr<const UniversalHasher> hasher = MakePoly1305());

  const JobId& job() const { return job_; }

  // Holes are not hashed: zeros that cost no memory (charge 0) are sealed by their number alone. Throws std::bad_alloc.
  Seal SealOf(const Subject& subject, const Bytes& bytes) const;
  // In constant time.
  bool IsSealed(const Subject& subject, const Bytes& bytes, const Seal& seal) const;

  // The tag of a message: over `head` and `payload`, one after the other, or over the payload's hash in its place.
  // `head` has a fixed size and holds the payload's, so that no two different messages run together into the same
  // bytes.
  Seal TagOf(std::span<const std::byte> head, std::span<const std::byte> payload, bool hashed) const;

 private:
  Seal Tag(std::span<const std::byte> head, std::span<const std::byte> rest) const;

  struct Material {
    std::array<unsigned char, 16> tag, seal;
    std::array<unsigned char, 32> tag_hash, seal_hash;
  };
  JobId job_;
  Secret<Material> material_;
  std::shared_ptr<const UniversalHasher> hasher_;
};

// In constant time: how long it takes tells a forger nothing.
bool SameBytes(const Seal& a, const Seal& b);

}  // namespace copper::wire
