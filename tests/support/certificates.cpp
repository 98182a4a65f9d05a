#include "tests/support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/random.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace kifa::test {

namespace {

void require(bool condition, const char* what) {
  if (!condition) {
    throw std::runtime_error(std::string("OpenSSL: ") + what);
  }
}

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<FILE, Free>;

File create(const std::string& path) {
  File file(std::fopen(path.c_str(), "we"));
  require(file != nullptr, "cannot create a file");
  return file;
}

void add_extension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  require(extension != nullptr, "extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make_certificate(const std::string& name, EVP_PKEY* key, long from_seconds,
                             long to_seconds) {
  Certificate certificate(X509_new());
  require(certificate != nullptr, "X509_new");
  X509_set_version(certificate.get(), 2);
  std::uint32_t serial = 0;
  require(::getrandom(&serial, sizeof serial, 0) == sizeof serial, "getrandom");
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_seconds);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

}  // namespace

struct Authority::Parts {
  Key key;
  Certificate certificate;
};

Authority::Authority(std::string directory, const std::string& name)
    : directory_(std::move(directory)), file_(directory_ + "/" + name + ".pem"), parts_(new Parts) {
  parts_->key.reset(EVP_EC_gen("P-256"));
  require(parts_->key != nullptr, "EVP_EC_gen");
  parts_->certificate = make_certificate(name, parts_->key.get(), -86'400, 365L * 86'400);
  X509* const own = parts_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add_extension(own, NID_basic_constraints, "critical,CA:TRUE");
  require(X509_sign(own, parts_->key.get(), EVP_sha256()) != 0, "X509_sign");
  require(PEM_write_X509(create(file_).get(), own) == 1, "PEM_write_X509");
}

Authority::~Authority() { delete parts_; }

Identity Authority::issue(const std::string& name, long from_seconds, long to_seconds) const {
  const Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "EVP_EC_gen");
  const Certificate certificate = make_certificate(name, key.get(), from_seconds, to_seconds);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(parts_->certificate.get()));
  add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1");
  require(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()) != 0, "X509_sign");
  Identity identity{.certificate = directory_ + "/" + name + ".pem",
                    .key = directory_ + "/" + name + ".key"};
  require(PEM_write_X509(create(identity.certificate).get(), certificate.get()) == 1,
          "PEM_write_X509");
  require(PEM_write_PrivateKey(create(identity.key).get(), key.get(), nullptr, nullptr, 0, nullptr,
                               nullptr) == 1,
          "PEM_write_PrivateKey");
  return identity;
}

std::string Authority::lock_key(const Identity& identity) const {
  const File file(std::fopen(identity.key.c_str(), "re"));
  require(file != nullptr, "no key to lock");
  const Key key(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  require(key != nullptr, "PEM_read_PrivateKey");
  const std::string locked = identity.key + ".locked";
  unsigned char passphrase[] = "secret";
  require(PEM_write_PrivateKey(create(locked).get(), key.get(), EVP_aes_256_cbc(), passphrase, 6,
                               nullptr, nullptr) == 1,
          "PEM_write_PrivateKey");
  return locked;
}

}  // namespace kifa::test
