#include "copper/wire/universal_hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <new>
#include <stdexcept>

namespace copper::wire {
namespace {

struct FreeContext {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

class Poly1305 final : public UniversalHasher {
 public:
  Poly1305()
      : library_(OSSL_LIB_CTX_new()),
        algorithm_(library_ == nullptr ? nullptr : EVP_MAC_fetch(library_, "POLY1305", "provider=default")) {
    if (algorithm_ != nullptr) return;
    OSSL_LIB_CTX_free(library_);
    throw std::runtime_error("OpenSSL's libcrypto has no Poly1305 here");
  }
  ~Poly1305() override {
    EVP_MAC_free(algorithm_);
    OSSL_LIB_CTX_free(library_);
  }
  Poly1305(const Poly1305&) = delete;

  UniversalHash Hash(std::span<const std::byte> bytes, const HashKey& key) const override {
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

 private:
  OSSL_LIB_CTX* library_;
  EVP_MAC* algorithm_;
};

}  // namespace

std::shared_ptr<const UniversalHasher> MakePoly1305() {
  return std::make_shared<const Poly1305>();
}

}  // namespace copper::wire
