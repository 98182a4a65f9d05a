#include "plugins/sources/tcp/tls_context.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include "plugins/sources/shared/descriptor.hpp"

namespace kifa::plugins::tcp_source {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kRenewDays = 21;  // from here on the end is told

// The system's words, which OpenSSL does not keep.
sdk::Status require_readable(const std::string& option, const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.is_open()) {
    return {};
  }
  const int error = errno;
  return {KIFA_INVALID, sdk::Status::from_errno(error, option + ": cannot read " + path).message(),
          error};
}

sdk::Status refused(const std::string& option, const std::string& path, const std::string& what) {
  ERR_clear_error();
  return sdk::Status::invalid(option + ": " + path + " " + what);
}

std::string day_of(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  if (ASN1_TIME_to_tm(time, &parts) != 1 ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
    return "a day that cannot be read";
  }
  return text.data();
}

// 0 when `time` is the same second or cannot be compared.
int compare(const ASN1_TIME* time, std::int64_t unix_seconds) {
  std::time_t now = unix_seconds;
  return X509_cmp_time(time, &now);
}

void tell_dates(const X509* certificate, const std::string& path, const sdk::Host& host) {
  const std::int64_t now = host.now_unix_ns() / kSecondNs;
  const ASN1_TIME* begin = X509_get0_notBefore(certificate);
  const ASN1_TIME* end = X509_get0_notAfter(certificate);
  const std::string what = "tls_certificate: " + path;
  if (compare(end, now) < 0) {
    host.error(what + " expired on " + day_of(end) +
               "; devices that check it do not connect any more: renew it and start kifa again");
  } else if (compare(begin, now) > 0) {
    host.error(what + " is valid from " + day_of(begin) +
               " on only, and devices that check it do not connect before: look at the clock of "
               "this machine, and at the certificate");
  } else if (compare(end, now + kRenewDays * kDaySeconds) < 0) {
    host.warn(what + " expires on " + day_of(end) + "; renew it and start kifa again before");
  }
}

// A daemon has nobody to ask. Notes that the key would need one.
int no_passphrase(char* /*into*/, int /*size*/, int /*is_write*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

void TlsContext::Deleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsContext::SessionDeleter::operator()(ssl_st* session) const { SSL_free(session); }

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_server_method())) {}

sdk::Status TlsContext::open(const Options& options, const sdk::Host& host,
                             std::unique_ptr<TlsContext>& opened) {
  std::unique_ptr<TlsContext> fresh(new TlsContext());
  SSL_CTX* const context = fresh->context_.get();
  if (context == nullptr) {
    return {KIFA_NO_MEMORY, "there is no memory for TLS"};
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // Silent connections give their buffers back; unsent answers may move in memory.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (sdk::Status used = fresh->use_certificate(options.certificate, host); used.failed()) {
    return used;
  }
  if (sdk::Status used = fresh->use_key(options.key, options.certificate); used.failed()) {
    return used;
  }
  if (!options.client_ca.empty()) {
    if (sdk::Status used = fresh->use_client_ca(options.client_ca); used.failed()) {
      return used;
    }
  }
  opened = std::move(fresh);
  return {};
}

sdk::Status TlsContext::use_certificate(const std::string& path, const sdk::Host& host) {
  if (sdk::Status readable = require_readable("tls_certificate", path); readable.failed()) {
    return readable;
  }
  if (SSL_CTX_use_certificate_chain_file(context_.get(), path.c_str()) != 1) {
    return refused("tls_certificate", path,
                   "holds no certificate in PEM form, which begins with "
                   "-----BEGIN CERTIFICATE-----");
  }
  tell_dates(SSL_CTX_get0_certificate(context_.get()), path, host);
  return {};
}

sdk::Status TlsContext::use_key(const std::string& path, const std::string& certificate) {
  if (sdk::Status readable = require_readable("tls_key", path); readable.failed()) {
    return readable;
  }
  bool needs_passphrase = false;
  SSL_CTX_set_default_passwd_cb(context_.get(), &no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context_.get(), &needs_passphrase);
  const bool is_used =
      SSL_CTX_use_PrivateKey_file(context_.get(), path.c_str(), SSL_FILETYPE_PEM) == 1;
  const unsigned long error = ERR_peek_last_error();
  SSL_CTX_set_default_passwd_cb_userdata(context_.get(), nullptr);
  if (is_used && SSL_CTX_check_private_key(context_.get()) == 1) {
    return {};
  }
  if (needs_passphrase) {
    return refused("tls_key", path,
                   "is locked with a passphrase, which nobody can give to a daemon; unlock a copy "
                   "with `openssl pkey -in KEY -out COPY` and keep it readable by kifa alone");
  }
  if (is_used || ERR_GET_LIB(error) == ERR_LIB_X509) {
    return refused("tls_key", path, "is not the key of the certificate in " + certificate);
  }
  return refused("tls_key", path,
                 "holds no private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----");
}

sdk::Status TlsContext::use_client_ca(const std::string& path) {
  if (sdk::Status readable = require_readable("tls_client_ca", path); readable.failed()) {
    return readable;
  }
  STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(path.c_str());
  if (names == nullptr || SSL_CTX_load_verify_file(context_.get(), path.c_str()) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return refused("tls_client_ca", path,
                   "holds no certificate in PEM form, which begins with "
                   "-----BEGIN CERTIFICATE-----");
  }
  SSL_CTX_set_client_CA_list(context_.get(), names);  // takes it over
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

TlsContext::Session TlsContext::new_session() const { return Session(SSL_new(context_.get())); }

}  // namespace kifa::plugins::tcp_source
