#include "core/cli/digest_sink.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "core/base/assert.hpp"

namespace kifa::cli {

struct ByteDigest::Context {
  Context() : hash(EVP_MD_CTX_new()) {
    KIFA_ASSERT(hash != nullptr);
    KIFA_ASSERT(EVP_DigestInit_ex(hash, EVP_sha256(), nullptr) == 1);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(hash); }

  EVP_MD_CTX* hash;
};

ByteDigest::ByteDigest() : context_(std::make_unique<Context>()) {}
ByteDigest::~ByteDigest() = default;

void ByteDigest::add(std::string_view bytes) {
  KIFA_ASSERT(EVP_DigestUpdate(context_->hash, bytes.data(), bytes.size()) == 1);
  bytes_ += bytes.size();
}

std::string ByteDigest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  KIFA_ASSERT(EVP_DigestFinal_ex(context_->hash, digest.data(), &size) == 1);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", digest.at(i));
  }
  return text;
}

std::string sha256_text(std::string_view bytes) {
  ByteDigest digest;
  digest.add(bytes);
  return digest.finish();
}

}  // namespace kifa::cli
