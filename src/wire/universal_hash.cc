#include "wire/universal_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace copper::wire {
namespace {

struct FreeContext {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

}  // namespace

UniversalHasher::UniversalHasher()
    : library_(OSSL_LIB_CTX_new()),
      algorithm_(library_ == nullptr ? nullptr : EVP_MAC_fetch(library_, "POLY1305", "provider=default")) {
  if (algorithm_ != nullptr) return;
  OSSL_LIB_CTX_free(library_);
  throw std::runtime_error("OpenSSL's libcrypto has no Poly1305 here");
}

UniversalHasher::~UniversalHasher() {
  EVP_MAC_free(algorithm_);
  OSSL_LIB_CTX_free(library_);
}

UniversalHash UniversalHasher::Hash(std::span<const std::byte> bytes, const HashKey& key) const {
  // Its copy of the key goes, wiped, with it.
  const std::unique_ptr<EVP_MAC_CTX, FreeContext> context(EVP_MAC_CTX_new(algorithm_));
  UniversalHash hash{};
  size_t size = 0;
  const bool hashed =
      context && EVP_MAC_init(context.get(), key.data(), key.size(), nullptr) == 1 &&
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1 &&
      EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(hash.data()), &size, hash.size()) == 1;
  if (!hashed) throw std::bad_alloc();  // nothing else can go wrong
  return hash;
}

}  // namespace copper::wire
