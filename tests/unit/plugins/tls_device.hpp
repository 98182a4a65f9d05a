#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/client.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/plugins/tcp_source.hpp"

namespace kifa::plugins::testing {

// A device that speaks TLS, in the thread of what it speaks with: whenever it has to wait, it calls
// `meanwhile`.
//
// Threads: confined.
class TlsDevice final {
 public:
  // `authority`: whom it trusts; `identity`: what it shows, null: nothing.
  TlsDevice(const std::string& address, const test::Authority& authority,
            const test::Identity* identity, std::function<void()> meanwhile)
      : client_(address), meanwhile_(std::move(meanwhile)), context_(SSL_CTX_new(TLS_method())) {
    REQUIRE(SSL_CTX_load_verify_file(context_.get(), authority.file().c_str()) == 1);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (identity != nullptr) {
      REQUIRE(SSL_CTX_use_certificate_chain_file(context_.get(), identity->certificate.c_str()) ==
              1);
      REQUIRE(SSL_CTX_use_PrivateKey_file(context_.get(), identity->key.c_str(),
                                          SSL_FILETYPE_PEM) == 1);
    }
    session_.reset(SSL_new(context_.get()));
    // Through memory, so that the test decides what passes when.
    SSL_set_bio(session_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(session_.get());
  }

  // False: it failed, or the other side has closed.
  bool handshake() {
    return repeat([this] { return SSL_do_handshake(session_.get()); });
  }
  bool send(std::string_view bytes) {
    return repeat(
        [&] { return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())); });
  }
  // At most `most` bytes; empty: the other side has ended.
  std::string receive(std::size_t most = 65'536) {
    std::string bytes(most, '\0');
    std::size_t got = 0;
    const bool is_there =
        repeat([&] { return SSL_read_ex(session_.get(), bytes.data(), bytes.size(), &got); });
    bytes.resize(is_there ? got : 0);
    return bytes;
  }
  // Says that nothing more comes.
  void end() {
    SSL_shutdown(session_.get());
    pass_on();
  }
  void close() { client_.close(); }
  void reset() { client_.reset(); }

  // What it would send now, kept back: for a test that sends it in its own way.
  std::string take_output() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(session_.get())), '\0');
    if (!bytes.empty()) {
      BIO_read(SSL_get_wbio(session_.get()), bytes.data(), static_cast<int>(bytes.size()));
    }
    return bytes;
  }
  [[nodiscard]] SSL* session() { return session_.get(); }
  [[nodiscard]] test::Client& client() { return client_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* session) const { SSL_free(session); }
  };

  // Until it is done; the other side gets its turns.
  bool repeat(const std::function<int()>& step) {
    while (true) {
      const int result = step();
      const bool is_sent = pass_on();
      if (result > 0) {
        return true;
      }
      if (SSL_get_error(session_.get(), result) != SSL_ERROR_WANT_READ || !is_sent) {
        return false;
      }
      meanwhile_();
      if (client_.has_news()) {
        const std::string bytes = client_.receive();
        if (bytes.empty()) {
          return false;
        }
        BIO_write(SSL_get_rbio(session_.get()), bytes.data(), static_cast<int>(bytes.size()));
      }
    }
  }
  bool pass_on() {
    std::string_view left;
    const std::string bytes = take_output();
    for (left = bytes; !left.empty();) {
      const std::size_t taken = client_.send_until_full(left);
      if (taken == 0) {
        if (client_.has_news()) {
          return false;
        }
        meanwhile_();
      }
      left.remove_prefix(taken);
    }
    return true;
  }

  test::Client client_;
  std::function<void()> meanwhile_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> session_;
};

// A source with a certificate of `authority`, and devices that trust it.
class TlsTill {
 public:
  explicit TlsTill(TcpSource::Texts more = {}) {
    more.try_emplace("tls_certificate", kifa.certificate);
    more.try_emplace("tls_key", kifa.key);
    source = std::make_unique<TcpSource>(more);
    source->host.set_unix_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count());
  }

  void turn() const {
    source->out.set_capacity(TcpSource::kRoom);
    REQUIRE(source->poll() >= 0);
  }
  TlsDevice device(const test::Identity* identity = nullptr) const {
    return TlsDevice(source->address(), authority, identity, [this] { turn(); });
  }

  test::TemporaryDirectory directory;
  test::Authority authority{directory.path(), "shop"};
  test::Identity kifa = authority.issue("kifa");
  std::unique_ptr<TcpSource> source;
};

}  // namespace kifa::plugins::testing
