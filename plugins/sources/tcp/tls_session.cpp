#include "plugins/sources/tcp/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

// ---- a socket as OpenSSL reads and writes it: OpenSSL's own one raises SIGPIPE ----

int fd_of(BIO* bio) { return *static_cast<const int*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(fd_of(bio), into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_read(bio);
  } else if (got == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  }
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(fd_of(bio), bytes, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(sent);
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

// Goes with the plugin.
struct SocketMethod {
  BIO_METHOD* raw = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kifa socket");

  SocketMethod() {
    if (raw != nullptr) {
      BIO_meth_set_read(raw, &bio_read);
      BIO_meth_set_write(raw, &bio_write);
      BIO_meth_set_ctrl(raw, &bio_control);
    }
  }
  SocketMethod(const SocketMethod&) = delete;
  SocketMethod& operator=(const SocketMethod&) = delete;
  ~SocketMethod() { BIO_meth_free(raw); }
};

const BIO_METHOD* socket_method() {
  static const SocketMethod method;
  return method.raw;
}

std::string reason_text(unsigned long error) {
  const char* text = ERR_reason_error_string(error);
  return text != nullptr ? text : "it broke off";
}

// The other side's words.
bool is_alert(int reason) { return reason >= SSL_AD_REASON_OFFSET; }

}  // namespace

std::unique_ptr<TlsSession> TlsSession::open(const TlsContext& context, int fd) {
  std::unique_ptr<TlsSession> opened(new TlsSession(context.new_session(), fd));
  BIO* const bio = socket_method() == nullptr ? nullptr : BIO_new(socket_method());
  if (opened->session_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, &opened->fd_);
  BIO_set_init(bio, 1);
  SSL_set_bio(opened->session_.get(), bio, bio);
  SSL_set_accept_state(opened->session_.get());
  return opened;
}

TlsSession::TlsSession(TlsContext::Session session, int fd)
    : session_(std::move(session)), fd_(fd) {}

TlsSession::~TlsSession() {
  // Says good-bye, if the socket takes it at once: the peer knows that nothing is missing.
  if (session_ != nullptr && SSL_is_init_finished(session_.get()) != 0 && error_ == 0) {
    SSL_shutdown(session_.get());
  }
  ERR_clear_error();
}

TlsSession::Outcome TlsSession::outcome_of(int result) {
  const int error = SSL_get_error(session_.get(), result);
  switch (error) {
    case SSL_ERROR_NONE:
      return Outcome::ok;
    case SSL_ERROR_WANT_READ:
      return Outcome::needs_input;
    case SSL_ERROR_WANT_WRITE:
      return Outcome::needs_output;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::ended;
    default:
      error_ = ERR_peek_last_error();
      if (error_ == 0) {
        error_ = ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING);
      }
      ERR_clear_error();
      return Outcome::failed;
  }
}

TlsSession::Outcome TlsSession::handshake() {
  ERR_clear_error();
  return outcome_of(SSL_do_handshake(session_.get()));
}

TlsSession::Moved TlsSession::receive(std::span<std::uint8_t> into) {
  ERR_clear_error();
  Moved moved;
  const int result = SSL_read_ex(session_.get(), into.data(), into.size(), &moved.bytes);
  moved.outcome = outcome_of(result);
  return moved;
}

TlsSession::Moved TlsSession::send(sdk::Bytes bytes) {
  ERR_clear_error();
  Moved moved;
  const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &moved.bytes);
  moved.outcome = outcome_of(result);
  return moved;
}

bool TlsSession::has_pending() const { return SSL_pending(session_.get()) > 0; }

std::string TlsSession::failure() const {
  const int reason = ERR_GET_REASON(error_);
  const long verified = SSL_get_verify_result(session_.get());
  if (verified != X509_V_OK) {
    return std::string("its certificate is not accepted: ") +
           X509_verify_cert_error_string(verified);
  }
  if (ERR_GET_LIB(error_) != ERR_LIB_SSL) {
    return reason_text(error_);
  }
  if (is_alert(reason)) {
    return "it does not want to go on, most often because it does not trust the certificate of "
           "tls_certificate: " +
           reason_text(error_);
  }
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return "it shows no certificate, which tls_client_ca asks for";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_BAD_PACKET_LENGTH:
      return "it does not speak TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "it speaks a version of TLS before 1.2, which is not safe any more";
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return "it closed the connection in the handshake";
    default:
      return reason_text(error_);
  }
}

std::string TlsSession::peer_certificate() const {
  X509* const certificate = SSL_get0_peer_certificate(session_.get());
  BIO* const text = certificate == nullptr ? nullptr : BIO_new(BIO_s_mem());
  if (text == nullptr) {
    return {};
  }
  X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(text, &bytes);
  std::string name(bytes, size > 0 ? static_cast<std::size_t>(size) : 0);
  BIO_free(text);
  if (name.size() > kNameBytesMax) {
    name.resize(kNameBytesMax);  // RFC 2253 writes ASCII alone: no character is cut in two
  }
  return name;
}

}  // namespace kifa::plugins::tcp_source
