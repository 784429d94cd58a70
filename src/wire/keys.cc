#include "copper/wire/keys.h"

#include <sodium.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "copper/base/cursor.h"
#include "copper/wire/header.h"

namespace copper::wire {
namespace {

// sodium_init is not called: it selects faster code for this CPU and opens the random source, and nothing used here has
// either. All of it is free of state, and so safe in any thread.

constexpr char kContext[crypto_kdf_CONTEXTBYTES + 1] = "cuwirev3";

using PrfKey = std::array<unsigned char, crypto_shorthash_siphashx24_KEYBYTES>;
static_assert(crypto_shorthash_siphashx24_BYTES == sizeof(Seal));
static_assert(crypto_kdf_KEYBYTES == sizeof(JobKey));

const unsigned char* Unsigned(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

// Fields of fixed size, then the path: no two subjects run together into the same bytes.
constexpr size_t kSubjectSize = 1 + 1 + 5 * sizeof(uint64_t) + sizeof(uint32_t) + sizeof(UniversalHash);

// Bytes that are put together for a PRF: libsodium has this one for one run of memory only.
class Run {
 public:
  explicit Run(size_t size) : size_(size) {
    if (size > small_.size()) large_.resize(size);
  }
  std::byte* data() { return large_.empty() ? small_.data() : large_.data(); }

  // SipHash-2-4 with 128 bits (J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012).
  Seal Prf(const PrfKey& key) {
    Seal out;
    crypto_shorthash_siphashx24(reinterpret_cast<unsigned char*>(out.data()), Unsigned(data()), size_, key.data());
    return out;
  }

 private:
  const size_t size_;
  std::array<std::byte, kHeaderSize + kHashedFrom> small_;
  std::vector<std::byte> large_;
};

}  // namespace

Keys::Keys(const JobIdentity& job, std::shared_ptr<const UniversalHasher> hasher)
    : job_(job.id),
      material_([&](Material& material) {
        uint64_t number = 0;
        const auto derive = [&](auto& key) {
          crypto_kdf_derive_from_key(key.data(), key.size(), ++number, kContext, Unsigned(job.key.data()));
        };
        derive(material.tag);
        derive(material.seal);
        derive(material.tag_hash);
        derive(material.seal_hash);
      }),
      hasher_(std::move(hasher)) {}

Seal Keys::SealOf(const Subject& subject, const Bytes& bytes) const {
  const bool is_hole = bytes.charge() == 0;
  Run run(kSubjectSize + subject.path.size());
  Writer writer(run.data());
  writer.Add(static_cast<uint8_t>(subject.kind));
  writer.Add(static_cast<uint8_t>(is_hole));
  writer.Add(subject.version.inode);
  writer.Add(subject.version.size);
  writer.Add(subject.version.mtime.seconds);
  writer.Add(subject.version.mtime.nanoseconds);
  writer.Add(subject.number);
  writer.Add(uint64_t{bytes.size()});
  const UniversalHash hash = is_hole ? UniversalHash{} : hasher_->Hash(bytes.span(), material_->seal_hash);
  for (const std::byte byte : hash) writer.Add(std::to_integer<uint8_t>(byte));
  writer.AddText(subject.path);
  return run.Prf(material_->seal);
}

bool Keys::IsSealed(const Subject& subject, const Bytes& bytes, const Seal& seal) const {
  return SameBytes(SealOf(subject, bytes), seal);
}

Seal Keys::TagOf(std::span<const std::byte> head, std::span<const std::byte> payload, bool hashed) const {
  if (!hashed) return Tag(head, payload);
  return Tag(head, hasher_->Hash(payload, material_->tag_hash));
}

Seal Keys::Tag(std::span<const std::byte> head, std::span<const std::byte> rest) const {
  Run run(head.size() + rest.size());
  std::ranges::copy(rest, std::ranges::copy(head, run.data()).out);
  return run.Prf(material_->tag);
}

bool SameBytes(const Seal& a, const Seal& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace copper::wire
